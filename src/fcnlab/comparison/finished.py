"""Finished runs: found, read, and refused where they cannot be compared."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from fcnlab.error import UserError, nearest
from fcnlab.metric.paper import KINDS, paper_scores
from fcnlab.run.files import read_history, read_json, read_scores, reading
from fcnlab.run.name import run_name

Counts = np.ndarray[Any, np.dtype[np.int64]]
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


def find_runs(words: str | Sequence[str], runs_dir: str) -> list[Path]:
    """Run folders from folders, globs and names, each once. Raises UserError for a word that names none."""
    found: list[Path] = []
    for word in [words] if isinstance(words, str) else words:
        given = Path(word).expanduser()
        if any(sign in word for sign in "*?"):
            pattern = str(given.relative_to(given.anchor)).replace("[", "[[]")  # brackets belong to names
            roots = (Path(given.anchor), Path(runs_dir).expanduser())
            matches = next(filter(None, (sorted(root.glob(pattern)) for root in roots)), [])
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
    with reading(path := folder / "counts.npz"), path.open("rb") as file, np.load(file, allow_pickle=False) as counts:
        images, pixels = tuple(map(str, counts["names"])), np.stack([counts[kind] for kind in KINDS])
    with reading(folder / "config.yaml"):
        config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
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
        metrics=counted(pixels) | metrics,
        history=read_history(folder / "history.csv"),
        images=images,
        counts=pixels,
    )


def counted(pixels: Counts) -> dict[str, float]:
    """The paper's four scores of the test by metric key, from pixels (3, images, classes): a task may log fewer."""
    whole = (torch.from_numpy(kind.sum(0)).double() for kind in pixels)
    return {f"test/{name}": score.item() for name, score in paper_scores(*whole).items()}


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
                f"{run.name} was tested on another split than {first.name}: {few(run.images)} instead of "
                f"{few(first.images)}. {hint}"
            )
        for what in ("test", "images of test"):  # which older runs do not tell
            own, known = (one.record["fingerprint"].get(what) for one in (run, first))
            if own != known and None not in (own, known):
                raise UserError(
                    f"{run.name} was tested on other data than {first.name}: the fingerprint of {what} is {own} "
                    f"instead of {known}. {hint}"
                )
    for name, times in Counter(run.name for run in runs).items():
        if times > 1:
            folders = " and ".join(str(run.folder) for run in runs if run.name == name)
            raise UserError(f"{name} is given {times} times: {folders}. Counted twice, a seed is no second sample.")


def few(images: Sequence[str]) -> str:
    """How many images, and which come first."""
    return f"{len(images)} images ({', '.join(images[:2])}, ...)"
