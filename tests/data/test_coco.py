"""COCO's annotations are drawn as pycocotools draws them, crowds void, and train through the command."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from conftest import Command
from pycocotools import mask as tools
from pycocotools.coco import COCO as Reference  # noqa: N811

from fcnlab.cli.compose import build, compose

# pycocotools 2.0.11 with numpy 2, by itself.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")
NET = (
    *("logger=none", "trainer=smoke", "trainer.enable_progress_bar=false", "trainer.precision=32-true"),
    *("model.backbone.width=0.05", "model.backbone.fc_channels=8", "data.batch_size=2"),
)
ONE_FILE = ("data=coco", "data.annotations={train: all.json, val: null, test: null}", "data.images={train: photos}")
SHARES = "data.fractions={train: 0.5, val: 0.25, test: 0.25}"


def annotations(random: np.random.Generator, image: int, first: int, height: int, width: int) -> list[dict[str, Any]]:
    """A large polygon, a small one with two parts, a region in runs, and a crowd in compressed runs."""
    at = random.uniform(0, 1, 2) * 8
    square = np.array([[2.5, 3.2], [30.1, 4], [28.7, 31.6], [3, 29]]) + at
    parts = [[5, 5, 12, 5, 9, 14], [20, 8, 27.5, 9, 24, 17, 21, 16]]
    region = np.zeros((height, width), np.uint8, order="F")
    region[30:44, 20:40] = 1
    flat = region.ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff([0, *edges.tolist(), flat.size]).tolist()  # it begins with zeros
    crowd = np.zeros((height, width), np.uint8, order="F")
    crowd[0:8, :] = 1
    packed = tools.encode(crowd)
    packed["counts"] = packed["counts"].decode()
    shapes = [
        {"category_id": 7, "segmentation": parts},
        {"category_id": 3, "segmentation": [square.ravel().tolist()]},
        {"category_id": 9, "segmentation": {"size": [height, width], "counts": runs}},
        {"category_id": 3, "segmentation": packed, "iscrowd": 1},
    ]
    return [{"id": first + i, "image_id": image, "iscrowd": 0} | shape for i, shape in enumerate(shapes)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    random, folder = np.random.default_rng(0), tmp_path / "coco"
    (folder / "photos").mkdir(parents=True)
    content: dict[str, Any] = {"images": [], "annotations": []}
    content["categories"] = [{"id": 9, "name": "tree"}, {"id": 3, "name": "person"}, {"id": 7, "name": "dog"}]
    for i in range(12):
        height, width = 48, 52 + 4 * (i % 2)
        photo = random.integers(0, 255, (height, width, 3), dtype=np.uint8)
        PIL.Image.fromarray(photo).save(folder / "photos" / f"{i:04}.png")
        content["images"].append({"id": 100 + i, "file_name": f"{i:04}.png", "height": height, "width": width})
        if i != 5:  # an image without a shape
            content["annotations"] += annotations(random, 100 + i, 1000 + 10 * i, height, width)
    (folder / "all.json").write_text(json.dumps(content))
    return folder


def test_every_mask_is_that_of_pycocotools(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = build(compose("train", [*ONE_FILE, f"data.root={root}", SHARES]).data)
    assert data.class_names == ("background", "person", "dog", "tree")  # by their ids
    reference = Reference(str(root / "all.json"))
    seen = 0
    for split in ("train", "val", "test"):
        for index, name in enumerate(data.names(split)):
            image, mask = data.read(split, index)
            key = 100 + int(name)
            expected = np.zeros(image.shape[:2], np.uint8)
            found = reference.loadAnns(reference.getAnnIds(key))
            for one in [one for one in found if one["iscrowd"]]:
                expected[reference.annToMask(one) > 0] = 255
            alone = [one for one in found if not one["iscrowd"]]
            for one in sorted(alone, key=lambda one: -reference.annToMask(one).sum(dtype=int)):
                expected[reference.annToMask(one) > 0] = {3: 1, 7: 2, 9: 3}[one["category_id"]]
            assert (mask == expected).all()
            assert set(np.unique(mask)) == ({0, 1, 2, 3, 255} if name != "0005" else {0})
            seen += 1
    assert seen == 12


def test_it_trains_and_a_changed_annotation_is_other_data(root: Path, command: Command) -> None:
    words = (*ONE_FILE, f"data.root={root}", SHARES, *NET)
    outcome = command("train", *words)
    assert outcome.code == 0, outcome.text
    content = json.loads((root / "all.json").read_text())
    for one in content["annotations"]:
        one["category_id"] = 3
    (root / "all.json").write_text(json.dumps(content))
    outcome = command("train", *words)
    assert outcome.code == 1
    assert "was trained on other data" in outcome.text


def test_chosen_categories_leave_the_others_to_the_background(root: Path) -> None:
    words = [*ONE_FILE, f"data.root={root}", SHARES, "data.classes=[dog]"]
    data = build(compose("train", words).data)
    assert data.class_names == ("background", "dog")
    assert {*np.unique(np.concatenate([mask.ravel() for mask in data.masks("train")]))} == {0, 1, 255}
    void = build(compose("train", [*words, "data.background=null"]).data)
    assert void.class_names == ("dog",)
    assert {*np.unique(np.concatenate([mask.ravel() for mask in void.masks("train")]))} == {0, 255}


def spoil(root: Path, **change: Any) -> None:
    content = json.loads((root / "all.json").read_text())
    content["annotations"][0] |= change
    (root / "all.json").write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("change", "words", "parts"),
    [
        ({"segmentation": []}, (), ("Annotation 1000", "no segmentation")),
        ({"segmentation": [[1, 2, 3]]}, (), ("Annotation 1000", "cannot be drawn")),
        ({"segmentation": {"size": [4, 4], "counts": [16]}}, (), ("Annotation 1000", "is 4x4, its image 52x48")),
        ({"image_id": 7}, (), ("all.json is no file of COCO annotations", "image_id")),
        ({"category_id": 8}, (), ("class 'None'",)),
        ({}, ("data.classes=[cat]",), ("data.classes names cat", "person, dog, tree")),
        ({}, ("data.images={train: pictures}",), ("pictures/", "is missing")),
    ],
)
def test_what_cannot_be_drawn_is_told(change: Any, words: Any, parts: Any, root: Path, command: Command) -> None:
    spoil(root, **change)
    outcome = command("survey", *ONE_FILE, f"data.root={root}", SHARES, *words)
    assert outcome.code == 1
    for part in parts:
        assert part in outcome.text
    assert "Traceback" not in outcome.text
