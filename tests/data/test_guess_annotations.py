"""A guess at annotations: the YAML that is written builds the data set that draws them."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from data.scenes import photo, save

from fcnlab.cli.compose import build, compose
from fcnlab.data.guess import guess
from fcnlab.error import UserError

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


def nested(root: Path) -> None:
    """Folders within folders, with the same names; a file of settings beside them."""
    labelme(root / "data" / "day" / "a")
    labelme(root / "data" / "night")
    for path in [*root.glob("data/night/shots/[4-8].*"), *root.glob("data/day/a/shots/[0-3].*")]:
        path.unlink()
    (root / "settings.json").write_text("{}")


def by_split(root: Path) -> None:
    """Of three splits, each with its folder; the first in the alphabet is not that of the training."""
    labelme(root)
    for split, numbers in {"test": [0, 1], "training": range(2, 7), "dev": [7, 8]}.items():
        for i in numbers:
            for suffix in ("jpg", "json"):
                (root / split).mkdir(exist_ok=True)
                (root / "shots" / f"{i}.{suffix}").rename(root / split / f"{i}.{suffix}")
    (root / "shots").rmdir()


def flat(root: Path, images: str = "images", labels: str = "labels", names: str = "classes.txt") -> None:
    """As Label Studio exports YOLO, or Darknet had it."""
    yolo(root)
    for i in range(9):
        for folder, kind, suffix in ((images, "images", "jpg"), (labels, "labels", "txt")):
            (root / folder).mkdir(exist_ok=True)
            next(root.glob(f"*/{kind}/{i}.{suffix}")).rename(root / folder / f"{i}.{suffix}")
    for split in ("train", "valid"):
        for kind in ("images", "labels"):
            (root / split / kind).rmdir()
        (root / split).rmdir()
    (root / "data.yaml").unlink()
    (root / labels / names).write_text("leaf\n")


CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "coco": (coco, {"annotations": {"train": "trainval.json", "val": None, "test": None}}),
    "labelme": (labelme, {"annotations": "shots", "classes": ["leaf"]}),
    "labelme in folders within folders": (nested, {"annotations": "data", "classes": ["leaf"]}),
    "labelme in folders of splits": (
        by_split,
        {"annotations": "{split}", "splits": {"train": "training", "val": "dev", "test": "test"}},
    ),
    "yolo without splits": (flat, {"images": "images", "labels": "labels", "classes": "labels/classes.txt"}),
    "yolo, all in one folder": (
        lambda root: flat(root, ".", ".", "obj.names"),
        {"images": ".", "labels": ".", "classes": "obj.names"},
    ),
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


def test_what_labelme_did_not_write_is_told(tmp_path: Path) -> None:
    labelme(tmp_path / "a set")
    (tmp_path / "a set" / "shots" / "other.json").write_text("{}")
    assert "# shots/other.json is none of LabelMe's: move it away" in guess(tmp_path / "a set")


def test_lists_in_text_are_no_polygons(tmp_path: Path) -> None:
    flat(tmp_path / "a set")
    for path in (tmp_path / "a set" / "labels").glob("[0-9].txt"):
        path.write_text("a list of words that are none\n")
    with pytest.raises(UserError, match="Found no images with masks"):
        guess(tmp_path / "a set")
