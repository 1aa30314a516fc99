"""A guess at a folder is a data set that trains, with the labels that the folder was made of."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import Command
from data.scenes import NET, labels, photo, save

COLOURS = np.array([(0, 0, 0), (255, 0, 0), (0, 128, 64)], np.uint8)


def beside(root: Path) -> None:
    """NAME.jpg and NAME_mask.png in one folder, 0 and 255."""
    for i in range(12):
        save(photo(i), root / f"scene {i}.jpg")
        save(labels(i, [0, 255]).astype(np.uint8), root / f"scene {i}_mask.png")


def by_split(root: Path) -> None:
    """Folders of splits with other names, three labels and void."""
    for split, numbers in {"train": range(6), "valid": range(6, 9), "test": range(9, 12)}.items():
        for i in numbers:
            save(photo(i), root / split / "img" / f"{i:03}.png")
            save(labels(i, [0, 7, 9, 255]).astype(np.uint8), root / split / "gt" / f"{i:03}.png")


def in_colour(root: Path) -> None:
    """Masks in colour."""
    for i in range(12):
        save(photo(i), root / "JPEGImages" / f"a{i}.jpg")
        save(COLOURS[labels(i, [0, 1, 2])], root / "Masks" / f"a{i}.png")


Make = Callable[[Path], None]
CASES: dict[str, tuple[Make, dict[str, object], dict[str, object]]] = {
    "masks beside images": (
        beside,
        {"images": "{name}.jpg", "masks": "{name}_mask.png"},
        {"class_0": {"label": 0}, "class_1": {"label": 255}},
    ),
    "folders of splits": (
        by_split,
        {
            "images": "{split}/img/{name}.png",
            "masks": "{split}/gt/{name}.png",
            "splits": {"val": "valid"},
            "void_label": 255,
        },
        {"class_0": {"label": 0}, "class_1": {"label": 7}, "class_2": {"label": 9}},
    ),
    "masks in colour": (
        in_colour,
        {"images": "JPEGImages/{name}.jpg", "masks": "Masks/{name}.png", "colours": True},
        {"class_0": {"colour": "#000000"}, "class_1": {"colour": "#008040"}, "class_2": {"colour": "#ff0000"}},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_guess_reads_the_folder_and_trains(case: str, tmp_path: Path, command: Command) -> None:
    make, settings, classes = CASES[case]
    root = tmp_path / "somebody's data"
    make(root)
    outcome = command("survey", "data=folder", f'data.root="{root}"', "write=own/data/mine.yaml")
    assert outcome.code == 0, outcome.text
    written = yaml.safe_load(Path("own/data/mine.yaml").read_text())
    assert written["classes"] == classes
    assert {key: written[key] for key in settings} == settings
    assert "12 of 12, " in outcome.text
    net = [word for word in NET if word != "data.complete=false"]
    words = ("data=mine", "data.fractions={train: 0.4, val: 0.3, test: 0.3}", "data.batch_size=1", *net[:-1])
    outcome = command("train", "--config-dir", str(Path("own").resolve()), *words)
    assert outcome.code == 0, outcome.text


def test_what_is_no_data_set_is_told_and_nothing_is_overwritten(tmp_path: Path, command: Command) -> None:
    root = tmp_path / "photos"
    for i in range(3):
        save(photo(i), root / f"{i}.png")
    outcome = command("survey", "data=folder", f"data.root={root}", "write=mine.yaml")
    assert outcome.code == 1
    assert "no images with masks of the same names" in outcome.text
    for i in range(3):
        save(labels(i, [0, 1]).astype(np.uint8), root / f"{i}_mask.png")
    outcome = command("survey", "data=folder", f"data.root={root}", "write=mine.yaml")
    assert "lie in one folder" in outcome.text
    Path("mine.yaml").write_text("classes: [mine]")
    outcome = command("survey", "data=folder", f"data.root={root}", "write=mine.yaml")
    assert "mine.yaml is there already" in outcome.text
    assert Path("mine.yaml").read_text() == "classes: [mine]"
