"""Look at a data set before a run: ``python -m fcnlab.survey data=folder data.root=DIR``.

Expect splits, sizes, class frequencies and fingerprints, a contact sheet of images with their masks, what is worth
knowing before a training, and every fault at once with its file; the exit code tells whether there is one.

Examples::

    python -m fcnlab.survey data=folder data.root=DIR
    python -m fcnlab.survey data=folder data.root=DIR data.lists=lists output=sheet.png images=48
    python -m fcnlab.survey data=folder data.root=DIR write=conf/data/mine.yaml

Read on: src/fcnlab/data/README.md (data sets and label formats).
"""

from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from fcnlab.cli.command import command
from fcnlab.error import UserError
from fcnlab.sweep.jobs import Sweep

if TYPE_CHECKING:
    from pathlib import Path

    from fcnlab.data.datamodule import SegmentationData

SHOWN = 50  # faults that are listed; more are counted


def survey(cfg: DictConfig) -> dict[str, Any]:
    """Read every image and mask of ``cfg.data``; returns what was found, by split."""
    from pathlib import Path

    from fcnlab.cli.compose import build, plain
    from fcnlab.cli.terminal import say
    from fcnlab.data.checks import monotony, unlabelled
    from fcnlab.data.datamodule import SPLITS
    from fcnlab.data.notes import notes
    from fcnlab.data.tables import show_survey
    from fcnlab.visualize import contact_sheet

    config = plain(cfg)
    if config["write"]:
        return write_guess(Path(config["write"]).expanduser(), config["data"].get("root"))
    output = Path(config["output"]).expanduser()
    if output.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise UserError(f"output={config['output']} is no image file. End it with .png or .jpg.")
    data: SegmentationData = build(config["data"])
    data.prepare_data()
    found = {split: look(data, split, config["images"] // len(SPLITS)) for split in SPLITS}
    whole = [split for split in SPLITS if not found[split]["faults"]]
    faults = [fault for split in found.values() for fault in split["faults"]]
    faults += [f"{name} is in both {split} and test." for split in SPLITS[:2] for name in both(found, split)]
    faults += [
        *twins(found),
        *unlabelled(data, whole),
        *monotony(data.class_names, sum(split["pixels"] for split in found.values())),
    ]
    show_survey(config["data"]["name"], data.class_names, found)
    for note in notes(data, found):
        say(note)
    if cells := [cell for split in found.values() for cell in split.pop("cells")]:
        sheet = contact_sheet(cells, palette=data.palette, class_names=data.class_names)
        try:
            output.parent.mkdir(parents=True, exist_ok=True)
            sheet.save(output)
        except OSError as error:
            raise UserError(f"Cannot write to output={output}: {error}. Name a file in a folder of yours.") from error
        say(f"Contact sheet: {output}")
    if faults:
        more = [f"... and {len(faults) - SHOWN} more"] if len(faults) > SHOWN else []
        listing = "\n".join(f"  {fault}" for fault in [*faults[:SHOWN], *more])
        raise UserError(f"{len(faults)} faults in data={config['data']['name']}:\n{listing}")
    return found


def write_guess(file: "Path", root: str | None) -> dict[str, Any]:
    """Write the YAML that would read the folder ``root``, for a person to name the classes."""
    import re
    import shlex
    from pathlib import Path

    from fcnlab.cli.arguments import quoted
    from fcnlab.cli.conf import CONF
    from fcnlab.cli.terminal import say
    from fcnlab.data.guess import guess
    from fcnlab.data.loading import usable_cores
    from fcnlab.data.spelling import on_disk

    if file.suffix not in (".yaml", ".yml"):
        raise UserError(f"write={file} is no YAML file. End it with .yaml.")
    if (CONF / "data" / f"{file.stem}.yaml").is_file():
        raise UserError(
            f"write={file} has the name of fcnlab's own data={file.stem}, which it would hide. Take another."
        )
    if root is None:
        raise UserError("write=... guesses at data=folder data.root=DIR, but these data have no data.root.")
    if file.exists():
        raise UserError(f"write={file} is there already, perhaps with names that you gave. Take another name.")
    text = guess(on_disk(Path(root).expanduser()), threads=usable_cores())
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    folder = file.parent.parent if file.parent.name == "data" else Path("DIR")
    moved = "" if file.parent.name == "data" else "move it to DIR/data/, "
    say(f"{text}Written to {file}. Name its classes, {moved}then look at it:")
    name = file.stem if re.fullmatch(r"[\w.-]+", file.stem, re.ASCII) else quoted(file.stem)
    say(f"python -m fcnlab.survey {shlex.join(['--config-dir', str(folder), f'data={name}'])}")
    return {"written": str(file)}


def look(data: "SegmentationData", split: str, images: int) -> dict[str, Any]:
    """What a split holds.

    Returns:
        names; images: a hash of each one's pixels, empty where it cannot be read; sizes: (height, width) with how many
        have it; pixels by label; fingerprint; faults; cells: a few samples for the contact sheet.
    """
    from collections import Counter
    from hashlib import sha256

    import numpy as np

    from fcnlab.cli.progress import progress
    from fcnlab.data.checks import shows_something
    from fcnlab.data.contents import count_labels, in_order
    from fcnlab.data.loading import usable_cores

    found: dict[str, Any] = {"names": [], "images": [], "sizes": Counter(), "pixels": np.zeros(256, np.int64)}
    found |= {"faults": [], "cells": [], "fingerprint": ""}
    try:
        samples = list(data.samples(split).items())
    except UserError as error:
        return found | {"faults": [str(error)]}
    shown = set(np.linspace(0, len(samples) - 1, min(images, len(samples))).astype(int).tolist())

    def read(index: int) -> Any:
        """Image hash, size, counts and, where it is shown, the sample; or what is wrong with it."""
        try:
            image, mask = samples[index][1]()
        except UserError as error:
            return str(error)
        known = sha256(repr(image.shape).encode() + image.tobytes()).hexdigest()[:16] if shows_something(image) else ""
        return known, mask.shape, count_labels(mask), (image, mask) if index in shown else None

    looks = in_order(read, len(samples), threads=usable_cores() if data.parallel else 1)
    for (name, _), seen in zip(samples, progress(looks, total=len(samples), what=f"reading {split}"), strict=True):
        found["names"].append(name)
        found["images"].append("" if isinstance(seen, str) else seen[0])
        if isinstance(seen, str):
            found["faults"].append(seen)
            continue
        found["sizes"][seen[1]] += 1
        found["pixels"] += seen[2]
        if seen[3]:
            found["cells"].append((f"{split} {name}", *seen[3]))
    return found if found["faults"] else found | {"fingerprint": data.fingerprint(split)}


def twins(found: dict[str, Any]) -> list[str]:
    """The fault of images that are learnt and tested under two names."""
    from fcnlab.data.checks import same_images, under_two_names

    here, there = (list(zip(found[split]["names"], found[split]["images"], strict=True)) for split in ("train", "test"))
    pairs = [(one, other) for one, other in same_images(here, there) if one != other]
    return [under_two_names(pairs)] if pairs else []


def both(found: dict[str, Any], split: str) -> list[str]:
    """Images of a split that are test images too: what was learnt or chosen by must not be tested on."""
    from fcnlab.data.checks import under_one_name

    here, there = (zip(found[one]["names"], found[one]["images"], strict=True) for one in (split, "test"))
    return under_one_name(here, there)


main = command(survey, jobs=Sweep)

if __name__ == "__main__":
    main()
