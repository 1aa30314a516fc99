"""Finished runs: found, read, grouped by variant, and refused where they cannot be compared."""

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from fcnlab.error import UserError, nearest
from fcnlab.run.files import read_history, read_json, read_scores, reading
from fcnlab.run.name import essence, run_name

Counts = np.ndarray[Any, np.dtype[np.int64]]
KINDS = ("true_positive", "predicted", "true")
SAMPLES = ("seed", "data.seed", "data.fold")  # what runs of one variant differ in: each is a sample of it
NEEDED = ("config.yaml", "record.json", "metrics.json", "history.csv", "counts.npz")


@dataclass(frozen=True)
class FinishedRun:
    """What a finished run left in its folder.

    Attributes:
        images: names of the test images, in the data set's order.
        counts: pixels (3, images, classes): true positive, predicted, true.
    """

    folder: Path
    config: dict[str, Any]
    record: dict[str, Any]
    metrics: dict[str, float]
    history: list[dict[str, float]]
    images: tuple[str, ...]
    counts: Counts

    @property
    def name(self) -> str:
        """The run's name."""
        return str(self.record["name"])

    @property
    def model(self) -> dict[str, Any]:
        """The config of the net."""
        return dict(self.config["model"])


@dataclass(frozen=True)
class Variant:
    """Runs that differ in nothing but the seed and the fold, in the order of these.

    Attributes:
        settings: what can change the result, by dotted key, without seeds.
    """

    name: str
    runs: tuple[FinishedRun, ...]
    settings: dict[str, Any]

    @property
    def skips(self) -> int:
        """How many finer layers the net fuses: the more, the finer."""
        return len(self.runs[0].model.get("skips") or ())

    @property
    def counts(self) -> Counts:
        """Pixels (3, images, classes), summed over the seeds."""
        return np.asarray(np.sum([run.counts for run in self.runs], axis=0))


def find_runs(words: str | Sequence[str], runs_dir: str) -> list[Path]:
    """Run folders from folders, globs and names, each once. Raises UserError for a word that names none."""
    found: list[Path] = []
    for word in [words] if isinstance(words, str) else words:
        given = Path(word).expanduser()
        if any(sign in word for sign in "*?"):
            pattern = str(given.relative_to(given.anchor)).replace("[", "[[]")  # brackets belong to names
            matches = sorted(Path(given.anchor).glob(pattern))
            runs = [match for match in matches if (match / "record.json").is_file()]
        else:
            given = given if given.is_dir() else Path(runs_dir).expanduser() / word
            is_run = (given / "record.json").is_file()
            runs = [given] if is_run else sorted(path.parent for path in given.glob("*/record.json"))
        if not runs:
            known = [path.parent.name for path in Path(runs_dir).expanduser().glob("*/record.json")]
            raise UserError(
                f"runs={word} names no run. Expected run folders, a folder of them, a glob, or names under "
                f"runs_dir={runs_dir}. {nearest(given.name, known)}"
            )
        found += runs
    return list(dict.fromkeys(path.resolve() for path in found))


def read_runs(folders: Sequence[Path]) -> tuple[list[FinishedRun], dict[str, str]]:
    """The finished runs, and why each other one is left out, by name. Raises UserError where none is finished."""
    runs, left_out = list[FinishedRun](), dict[str, str]()
    for folder in folders:
        try:
            runs.append(read_run(folder))
        except UserError as reason:
            left_out[folder.name] = str(reason)
    if not runs:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise UserError(f"None of {len(left_out)} runs can be compared. {reasons or 'Name some: runs=...'}.")
    return runs, left_out


def read_run(folder: Path) -> FinishedRun:
    """One finished run from its folder. Raises UserError where something is missing or damaged."""
    record = read_json(folder / "record.json")
    if record.get("status") != "finished":
        raise UserError(f"it is {record.get('status')}, not finished: start its training again")
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if missing or "class_names" not in record:
        lacks = ", ".join(missing) or "class names in its record"
        raise UserError(f"it lacks {lacks}: not tested, or by older code; train it again with rerun=all")
    with (
        reading(path := folder / "counts.npz"),
        path.open("rb") as file,
        np.load(file, allow_pickle=False) as counts,
    ):
        images, pixels = tuple(map(str, counts["names"])), np.stack([counts[kind] for kind in KINDS])
    with reading(folder / "config.yaml"):
        config = yaml.safe_load((folder / "config.yaml").read_text())
        run_name(config), config["trainer"]  # near its beginning and its end
    metrics = read_scores(folder / "metrics.json")
    if not any(key.startswith("test/") for key in metrics):
        raise UserError("it has no test scores: train it with test=true")
    if unknown := [key for key, value in metrics.items() if key.startswith("test/") and math.isnan(value)]:
        raise UserError(f"its {unknown[0]} is no number, as where no pixel of the test masks is labelled")
    return FinishedRun(
        folder=folder,
        config=config,
        record=record,
        metrics=metrics,
        history=read_history(folder / "history.csv"),
        images=images,
        counts=pixels,
    )


def check_comparable(runs: Sequence[FinishedRun]) -> None:
    """Raise UserError unless all runs were tested on the same images and classes, each run counted once."""
    hint = "Scores compare only on the same test images and classes: leave it out of runs=..."
    common = Counter(run.record["fingerprint"]["test"] for run in runs).most_common(1)[0][0]
    first = next(run for run in runs if run.record["fingerprint"]["test"] == common)
    for run in runs:
        classes, others = first.record["class_names"], run.record["class_names"]
        if others != classes:
            raise UserError(
                f"{run.name} knows {len(others)} classes ({', '.join(others)}), {first.name} {len(classes)} "
                f"({', '.join(classes)}). {hint}"
            )
        if run.images != first.images:
            raise UserError(
                f"{run.name} was tested on another split than {first.name}: {spell(run.images)} instead of "
                f"{spell(first.images)}. {hint}"
            )
        if run.record["fingerprint"]["test"] != common:
            raise UserError(
                f"{run.name} was tested on other data than {first.name}: fingerprint "
                f"{run.record['fingerprint']['test']} instead of {common}. {hint}"
            )
    for name, times in Counter(run.name for run in runs).items():
        if times > 1:
            folders = " and ".join(str(run.folder) for run in runs if run.name == name)
            raise UserError(f"{name} is given {times} times: {folders}. Counted twice, a seed is no second sample.")


def spell(images: Sequence[str]) -> str:
    """How many images, and which come first."""
    return f"{len(images)} images ({', '.join(images[:2])}, ...)"


def group(runs: Sequence[FinishedRun]) -> list[Variant]:
    """Runs by variant, coarse to fine: those whose configs differ in the seed alone belong together."""
    groups: dict[str, list[FinishedRun]] = {}
    for run in runs:
        groups.setdefault(json.dumps(settings(run.folder, run.config), sort_keys=True), []).append(run)
    families: dict[str, list[dict[str, Any]]] = {}
    for members in groups.values():
        families.setdefault(members[0].model["name"], []).append(settings(members[0].folder, members[0].config))
    variants = []
    for members in groups.values():
        name, own = members[0].model["name"], settings(members[0].folder, members[0].config)
        unlike = differing(families[name])
        label = " ".join([name, *(f"{key}={own.get(key)}" for key in unlike)])
        ordered = sorted(members, key=lambda run: (run.config["seed"], run.config["data"].get("fold", 0)))
        variants.append(Variant(name=label, runs=tuple(ordered), settings=own))
    return sorted(variants, key=lambda variant: (variant.skips, variant.name))


def coarser(variant: Variant, variants: Sequence[Variant]) -> Variant | None:
    """What a variant is held against: the finest coarser one, of several the likest; if none, the first as coarse."""
    below = [other for other in variants if other.skips < variant.skips]
    finest = [other for other in below if other.skips == below[-1].skips]
    if not finest:
        first = variants[0]
        return None if first is variant else first
    return min(finest, key=lambda other: len(differing([variant.settings, other.settings])))


def settings(folder: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """What can change the result of the run in ``folder``, by dotted key, without seeds."""
    found = {key: value for key, value in leaves(essence(config)) if key not in SAMPLES}
    if found.get("start"):
        found["start"] = seedless(folder.with_name(found["start"]))
    return found


def seedless(folder: Path) -> str:
    """A run's name with its seed taken out, and its hash made anew without seeds."""
    stem = re.sub(r"-s\d+-[0-9a-f]+$", "", folder.name)
    file = folder / "config.yaml"
    if not file.is_file():
        return stem
    own = json.dumps(settings(folder, yaml.safe_load(file.read_text())), sort_keys=True)
    return f"{stem}-{hashlib.sha256(own.encode()).hexdigest()[:8]}"


def leaves(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys of a nested mapping with their values."""
    for key, value in node.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def differing(several: Sequence[Mapping[str, Any]]) -> list[str]:
    """The keys that not all have with the same value, in order of appearance."""
    keys = dict.fromkeys(key for one in several for key in one)
    return [key for key in keys if any(one.get(key) != several[0].get(key) for one in several)]
