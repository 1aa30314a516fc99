"""Folds: every image is validated once, the test images stay, and a comparison pools the folds."""

import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from conftest import Command

from fcnlab.cli.compose import build, compose, plain


def pairs(root: Path, images: int = 20) -> None:
    draw = np.random.default_rng(0)
    for kind in ("images", "masks"):
        (root / kind).mkdir(parents=True)
    for i in range(images):
        PIL.Image.fromarray(draw.integers(0, 255, (32, 32, 3), dtype=np.uint8)).save(root / f"images/p{i}.png")
        PIL.Image.fromarray(draw.integers(0, 2, (32, 32), dtype=np.uint8)).save(root / f"masks/p{i}.png")
    (root / "classes.txt").write_text("a\nb\n")


def split(root: Path, name: str, *words: str) -> set[str]:
    return set(build(plain(compose("train", ["data=folder", f"data.root={root}", *words]))["data"]).names(name))


@pytest.mark.slow
def test_each_image_is_validated_once_and_the_test_stays(tmp_path: Path) -> None:
    pairs(tmp_path / "d")
    test = split(tmp_path / "d", "test")
    parts = [split(tmp_path / "d", "val", "data.folds=4", f"data.fold={fold}") for fold in range(4)]
    everything = {f"p{i}" for i in range(20)} - test
    assert set.union(*parts) == everything
    assert sum(map(len, parts)) == len(everything)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    for fold, part in enumerate(parts):
        words = ("data.folds=4", f"data.fold={fold}")
        assert split(tmp_path / "d", "train", *words) == everything - part
        assert split(tmp_path / "d", "test", *words) == test


@pytest.mark.slow
def test_a_sweep_over_folds_is_compared_as_one_variant(command: Command, tmp_path: Path) -> None:
    pairs(tmp_path / "d")
    few = ("model.backbone.width=0.05", "model.backbone.fc_channels=8", "trainer.enable_progress_bar=false")
    words = ("data=folder", f"data.root={tmp_path}/d", "data.folds=2", "epochs=1", "logger=none", *few)
    swept = command("train", "-m", *words, "data.fold=0,1", "trainer.precision=32-true")
    assert swept.code == 0, swept.text
    assert len(list(Path("runs").glob("plain-*"))) == 2
    outcome = command("compare", "runs=runs/plain-*", "samples=100")
    assert outcome.code == 0, outcome.text
    (row,) = json.loads((tmp_path / "runs/comparison/comparison.json").read_text())["rows"]
    assert row["scores"]["mean_iou"]["n"] == 2


def test_a_fold_that_is_none_is_refused(command: Command, tmp_path: Path) -> None:
    pairs(tmp_path / "d")
    words = ("data=folder", f"data.root={tmp_path}/d", "logger=none", "trainer=smoke")
    assert (
        "data.fold=2 is no part of data.folds=2. Known: 0 to 1"
        in command("train", *words, "data.folds=2", "data.fold=2").text
    )
    assert "only with data.folds=5" in command("train", *words, "data.fold=1").text
