"""A guess at annotations: the YAML that is written builds the data set that draws them."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from data.scenes import photo, save

from fcnlab.cli.compose import build, compose
from fcnlab.data.guess import guess

# pycocotools 2.0.11 with numpy 2, by itself.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")
SQUARE = [[8, 8], [24, 8], [24, 24], [8, 24]]


def coco(root: Path) -> None:
    images = [{"id": i, "file_name": f"{i}.jpg", "height": 40, "width": 48} for i in range(9)]
    shapes = [
        {
            "id": i,
            "image_id": i,
            "category_id": 3,
            "iscrowd": 0,
            "segmentation": [[value for point in SQUARE for value in point]],
        }
        for i in range(9)
    ]
    content = {"images": images, "annotations": shapes, "categories": [{"id": 3, "name": "leaf"}]}
    root.mkdir()
    (root / "trainval.json").write_text(json.dumps(content))
    for i in range(9):
        save(photo(i), root / "images" / f"{i}.jpg")


def labelme(root: Path) -> None:
    for i in range(9):
        save(photo(i), root / "shots" / f"{i}.jpg")
        shape = {"label": "leaf", "points": SQUARE, "shape_type": "polygon"}
        content = {"imagePath": f"{i}.jpg", "imageHeight": 40, "imageWidth": 48, "shapes": [shape]}
        (root / "shots" / f"{i}.json").write_text(json.dumps(content))


def yolo(root: Path) -> None:
    for split, numbers in {"train": range(6), "valid": range(6, 9)}.items():
        for i in numbers:
            save(photo(i), root / split / "images" / f"{i}.jpg")
            (root / split / "labels").mkdir(exist_ok=True)
            line = " ".join(f"{x / 48} {y / 40}" for x, y in SQUARE)
            (root / split / "labels" / f"{i}.txt").write_text(f"0 {line}\n")
    (root / "data.yaml").write_text("names: [leaf]")


CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "coco": (coco, {"annotations": {"train": "trainval.json", "val": None, "test": None}}),
    "labelme": (labelme, {"annotations": "shots", "classes": ["leaf"]}),
    "yolo": (yolo, {"images": "{split}/images", "splits": {"train": "train", "val": "valid", "test": "train"}}),
}


@pytest.mark.parametrize("case", CASES)
def test_the_guess_draws_what_was_annotated(case: str, tmp_path: Path) -> None:
    make, settings = CASES[case]
    make(tmp_path / "a set")
    text = guess(tmp_path / "a set")
    written = yaml.safe_load(text)
    assert {key: written[key] for key in settings} == settings
    (tmp_path / "own" / "data").mkdir(parents=True)
    (tmp_path / "own" / "data" / "mine.yaml").write_text(text)
    words = [f"hydra.searchpath=[file://{tmp_path / 'own'}]", "data=mine"]
    data = build(compose("train", [*words, "data.fractions={train: 0.4, val: 0.3, test: 0.3}"]).data)
    assert data.class_names == ("background", "leaf")
    assert sum(len(data.names(split)) for split in ("train", "val", "test")) == 9
    mask = data.read("test", 0)[1]
    assert mask[16, 16] == 1
    assert mask[4, 4] == 0
