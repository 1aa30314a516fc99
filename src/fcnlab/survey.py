"""Look at a data set before a run: ``python -m fcnlab.survey data=folder data.root=DIR``.

Expect splits, sizes, class frequencies and fingerprints, a contact sheet of images with their masks, and every fault
at once with its file; the exit code tells whether there is one.

Examples::

    python -m fcnlab.survey data=folder data.root=DIR
    python -m fcnlab.survey data=folder data.root=DIR data.lists=lists output=sheet.png images=48
    python -m fcnlab.survey data=shapes

Read on: src/fcnlab/data/README.md (data sets and label formats).
"""

from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from fcnlab.cli.command import command
from fcnlab.error import UserError
from fcnlab.sweep.jobs import Sweep

if TYPE_CHECKING:
    from fcnlab.data.datamodule import SegmentationData

SHOWN = 50  # faults that are listed; more are counted


def survey(cfg: DictConfig) -> dict[str, Any]:
    """Read every image and mask of ``cfg.data``; returns what was found, by split."""
    from pathlib import Path

    from fcnlab.cli.compose import build, plain
    from fcnlab.cli.terminal import say
    from fcnlab.data.datamodule import SPLITS
    from fcnlab.data.tables import show_survey
    from fcnlab.visualize import contact_sheet

    config = plain(cfg)
    output = Path(config["output"]).expanduser()
    if output.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise UserError(f"output={config['output']} is no image file. End it with .png or .jpg.")
    data: SegmentationData = build(config["data"])
    data.prepare_data()
    found = {split: look(data, split, config["images"] // len(SPLITS)) for split in SPLITS}
    faults = [fault for split in found.values() for fault in split["faults"]]
    faults += [f"{name} is in both {split} and test." for split in SPLITS[:2] for name in both(found, split)]
    faults += monotony(data.class_names, found)
    show_survey(config["data"]["name"], data.class_names, found)
    if cells := [cell for split in found.values() for cell in split.pop("cells")]:
        sheet = contact_sheet(cells, palette=data.palette, class_names=data.class_names)
        output.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(output)
        say(f"Contact sheet: {output}")
    if faults:
        more = [f"... and {len(faults) - SHOWN} more"] if len(faults) > SHOWN else []
        listing = "\n".join(f"  {fault}" for fault in [*faults[:SHOWN], *more])
        raise UserError(f"{len(faults)} faults in data={config['data']['name']}:\n{listing}")
    return found


def look(data: "SegmentationData", split: str, images: int) -> dict[str, Any]:
    """Names, sizes (height, width), pixels by label, fingerprint, faults, and a few samples for the contact sheet."""
    import numpy as np

    found: dict[str, Any] = {"names": [], "sizes": set(), "pixels": np.zeros(256, np.int64), "faults": [], "cells": []}
    try:
        samples = data.samples(split)
    except UserError as error:
        return found | {"faults": [str(error)], "fingerprint": ""}
    shown = set(np.linspace(0, len(samples) - 1, min(images, len(samples))).astype(int).tolist())
    for index, (name, read) in enumerate(samples.items()):
        found["names"].append(name)
        try:
            image, mask = read()
        except UserError as error:
            found["faults"].append(str(error))
            continue
        found["sizes"].add(mask.shape)
        found["pixels"] += np.bincount(mask.ravel(), minlength=256)
        if index in shown:
            found["cells"].append((f"{split} {name}", image, mask))
    return found | {"fingerprint": "" if found["faults"] else data.fingerprint(split)}


def both(found: dict[str, Any], split: str) -> list[str]:
    """Names of a split that are test images too: what was learnt or chosen by must not be tested on."""
    return sorted(set(found[split]["names"]) & set(found["test"]["names"]))


def monotony(class_names: "tuple[str, ...]", found: dict[str, Any]) -> list[str]:
    """The fault of masks among which there is nothing to tell apart: mostly those of 0 and 255."""
    pixels = sum(split["pixels"] for split in found.values())
    seen = [name for name, count in zip(class_names, pixels, strict=False) if count]
    if len(seen) > 1 or len(class_names) == 1 or not pixels.any():
        return []
    void = " 255 is void: a mask of 0 and 255 must be saved as 0 and 1." if pixels[255] else ""
    return [f"The masks hold no class but {', '.join(seen) or 'void'}, so there is nothing to learn.{void}"]


@command("survey", jobs=Sweep)
def main(cfg: DictConfig) -> dict[str, Any]:
    """Command line entry."""
    return survey(cfg)


if __name__ == "__main__":
    main()
