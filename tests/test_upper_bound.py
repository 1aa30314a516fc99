"""The upper bound is that of a slow, separate reckoning in numpy, and needs masks only."""

import shutil
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from conftest import Command

from fcnlab.data.coarse import through_stride

STRIDES = [32, 16, 8, 4]


def axis_weights(place: int, stride: int, cells: int) -> dict[int, float]:
    """Bilinear weights of cells for one pixel, cell centres in the middle of their pixels; none outside."""
    at = (place + 0.5) / stride - 0.5
    low = int(np.floor(at))
    return {c: w for c, w in ((low, 1 - (at - low)), (low + 1, at - low)) if 0 <= c < cells and w > 0}


def slowly(mask: np.ndarray, stride: int) -> np.ndarray:
    """The protocol, pixel by pixel."""
    rows, columns = -(-mask.shape[0] // stride), -(-mask.shape[1] // stride)
    cells = np.empty((rows, columns), int)
    for r in range(rows):
        for c in range(columns):
            block = mask[r * stride : (r + 1) * stride, c * stride : (c + 1) * stride]
            cells[r, c] = np.bincount(block.ravel(), minlength=256).argmax()  # of equals the lower
    out = np.empty_like(mask)
    for y in range(mask.shape[0]):
        for x in range(mask.shape[1]):
            votes = np.zeros(256)
            for r, down in axis_weights(y, stride, rows).items():
                for c, across in axis_weights(x, stride, columns).items():
                    votes[cells[r, c]] += down * across
            out[y, x] = votes.argmax()
    return out


def interpolated(mask: np.ndarray, stride: int) -> np.ndarray:
    """The protocol with torch's interpolation."""
    rows, columns = -(-mask.shape[0] // stride), -(-mask.shape[1] // stride)
    blocks = [[mask[r * stride :, c * stride :][:stride, :stride] for c in range(columns)] for r in range(rows)]
    cells = torch.tensor([[np.bincount(block.ravel(), minlength=256).argmax() for block in row] for row in blocks])
    maps = torch.nn.functional.one_hot(cells.clamp(max=21), 22).permute(2, 0, 1).double()[None]  # void is 21
    fine = torch.nn.functional.interpolate(maps, scale_factor=stride, mode="bilinear")
    labels = fine[0, :, : mask.shape[0], : mask.shape[1]].argmax(0).numpy()
    return np.where(labels == 21, 255, labels)


def blobs(seed: int, height: int, width: int) -> np.ndarray:
    """A made-up mask of coarse patches with void, labels 0 to 3."""
    coarse = np.random.default_rng(seed).choice([0, 0, 1, 2, 3, 255], (height // 5 + 1, width // 5 + 1))
    return np.kron(coarse, np.ones((5, 5), int))[:height, :width].astype(np.uint8)


@pytest.fixture
def masks_only(tmp_path: Path) -> tuple[str, list[np.ndarray]]:
    """A folder data set without images; class d is never true."""
    root = tmp_path / "masks only"
    (root / "masks").mkdir(parents=True)
    masks = [blobs(seed, 27 + seed, 35) for seed in range(3)]
    for i, mask in enumerate(masks):
        PIL.Image.fromarray(mask).save(root / "masks" / f"{i}.png")
    (root / "classes.txt").write_text("a\nb\nc\nd\nnever\n")
    return f"data.root='{root}'", masks


def test_the_command_gives_mean_iu_of_true_classes_with_predicted_void_wrong(masks_only, command: Command) -> None:
    root, masks = masks_only
    where = ("data=folder", root, "data.fractions={train: 0.0, val: 0.0, test: 1.0}")
    outcome = command("upper_bound", *where, "strides=[8,4]")
    assert outcome.code == 0, outcome.text
    for stride in (8, 4):
        truth = np.concatenate([mask.ravel() for mask in masks])
        predicted = np.concatenate([slowly(mask, stride).ravel() for mask in masks])[truth != 255]
        truth = truth[truth != 255]
        assert (predicted == 255).any()
        ious = [((predicted == c) & (truth == c)).sum() / ((predicted == c) | (truth == c)).sum() for c in range(4)]
        assert outcome.value[stride] == pytest.approx(np.mean(ious), rel=1e-9)  # the absent class is left out
        assert f"{100 * np.mean(ious):.1f} %" in outcome.text
    assert "void being a label of its own" in " ".join(outcome.text.split())
    assert "folder, test, 3 masks" in outcome.text
    assert "paper" not in outcome.text


def test_progress_is_told_without_a_terminal(masks_only, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fcnlab.cli.progress.PAUSE", 0.0)
    where = ("data=folder", masks_only[0], "data.fractions={train: 0.0, val: 0.0, test: 1.0}")
    outcome = command("upper_bound", *where, "strides=[8]")
    assert "masks of folder, test: 1 of 3" in outcome.text
    assert "masks of folder, test: 2 of 3" in outcome.text


@pytest.mark.parametrize("words", [["split=tset"], ["strides=[]"], ["strides=[0]"], ["strides=[2.5]"]])
def test_bad_settings_are_told(words: list[str], command: Command) -> None:
    outcome = command("upper_bound", *words)
    assert outcome.code == 1
    assert words[0] in outcome.text


def test_real_masks_give_what_torchs_own_interpolation_gives(test_data: Path, tmp_path: Path, command: Command) -> None:
    real, home = test_data / "VOCdevkit" / "VOC2012", tmp_path / "VOCdevkit" / "VOC2012"
    shutil.copytree(real / "ImageSets", home / "ImageSets")
    shutil.copytree(real / "SegmentationClass", home / "SegmentationClass")  # and no images
    outcome = command("upper_bound", "data=voc", f"data.root={tmp_path}", "data.test_list=voc_val", "strides=[32]")
    assert outcome.code == 0, outcome.text
    assert "voc, test, 120 masks" in outcome.text
    # The paper's 86.1 stands beside it; among these 120 of its 736 masks a single bicycle counts as much as all cats.
    assert round(100 * outcome.value[32], 1) == 81.1
    assert "86.1" in outcome.text
    mask = np.array(PIL.Image.open(home / "SegmentationClass" / "2007_000332.png"))
    for stride in STRIDES:
        assert (through_stride(mask, stride) == interpolated(mask, stride)).all()
