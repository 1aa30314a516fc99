"""YOLO's polygons are drawn as Pillow draws them, small over large, and train through the command."""

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest
from conftest import Command
from data.test_coco import NET

from fcnlab.cli.compose import build, compose

SMALL, LARGE = [(0.3, 0.3), (0.5, 0.31), (0.4, 0.55)], [(0.1, 0.1), (0.9, 0.1), (0.9, 0.8), (0.15, 0.7)]
SPLITS = {"train": range(6), "valid": range(6, 9), "test": range(9, 12)}


def line(label: int, points: list[tuple[float, float]]) -> str:
    return " ".join([str(label), *(f"{value}" for point in points for value in point)]) + "\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder, random = tmp_path / "yolo", np.random.default_rng(0)
    for split, numbers in SPLITS.items():
        for kind in ("images", "labels"):
            (folder / split / kind).mkdir(parents=True)
        for i in numbers:
            photo = random.integers(0, 255, (40, 50 + i, 3), dtype=np.uint8)
            PIL.Image.fromarray(photo).save(folder / split / "images" / f"{i}.png")
            if i != 1:  # an image without a shape
                (folder / split / "labels" / f"{i}.txt").write_text(line(1, SMALL) + line(0, LARGE))
    (folder / "data.yaml").write_text("train: ../train/images\nnc: 2\nnames: {0: leaf, 1: stem}\n")
    return folder


WORDS = (
    *("data=yolo", "data.images='{split}/images'", "data.labels='{split}/labels'"),
    "data.splits={train: train, val: valid, test: test}",
)


def test_two_images_of_one_text_file_are_refused(root: Path, command: Command) -> None:
    (root / "train/images/1.jpg").write_bytes((root / "train/images/1.png").read_bytes())
    outcome = command("survey", *WORDS, f"data.root={root}")
    assert outcome.code == 1
    assert "images holds 1.jpg and 1.png, which have one text file. Rename or remove one." in outcome.text


def test_polygons_are_drawn_as_pillow_draws_them(root: Path) -> None:
    data = build(compose("train", [*WORDS, f"data.root={root}"]).data)
    assert data.class_names == ("background", "leaf", "stem")
    for index, name in enumerate(data.names("train")):
        image, mask = data.read("train", index)
        canvas = PIL.Image.new("L", (image.shape[1], 40), 0)
        for label, points in ((1, LARGE), (2, SMALL)) if name != "1" else ():
            scaled = [(x * image.shape[1], y * 40) for x, y in points]
            PIL.ImageDraw.Draw(canvas).polygon(scaled, fill=label, outline=label)
        assert (mask == np.asarray(canvas)).all()
        assert {*np.unique(mask)} == ({0, 1, 2} if name != "1" else {0})


def test_it_trains(root: Path, command: Command) -> None:
    outcome = command("train", *WORDS, f"data.root={root}", *NET)
    assert outcome.code == 0, outcome.text


@pytest.mark.parametrize(
    ("text", "words", "parts"),
    [
        ("0 0.5 0.5 0.2 0.2\n", (), ("Line 1 of", "0.txt has 4 numbers", "are a box")),
        ("2 " + line(0, SMALL)[2:], (), ("has class 2. Known classes are 0 to 1",)),
        (line(0, [(3, 4), (50, 4), (9, 9)]), (), ("a coordinate outside 0 to 1",)),
        ("leaf 1 2 3\n", (), ("not a class and numbers",)),
        ("", ("data.splits={train: train, val: val, test: test}",), ("no folder", "data.splits.val=")),
        ("", ("data.classes=names.yaml",), ("no file", "names.yaml")),
    ],
)
def test_what_cannot_be_drawn_is_told(text: str, words: Any, parts: Any, root: Path, command: Command) -> None:
    (root / "train" / "labels" / "0.txt").write_text(text)
    outcome = command("survey", *WORDS, f"data.root={root}", *words)
    assert outcome.code == 1
    for part in parts:
        assert part in outcome.text
    assert "Traceback" not in outcome.text
