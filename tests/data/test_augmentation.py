"""Augmentation keeps labels true: nothing is normalised twice, mixed, or made up as a class."""

from pathlib import Path

import albumentations
import numpy as np
import pytest
from conftest import Command
from data.made import folder, make, save, words

from fcnlab.data.augmentation import Augmentation
from fcnlab.error import UserError

FULL = np.full((24, 30), 2, np.uint8)
IMAGE = np.full((24, 30, 3), 100, np.uint8)


def data(tmp_path: Path, *transforms: str):
    """A folder whose masks are all of label 1 and 2."""
    make(tmp_path, lambda p, m: save(p, 1 + m % 2))
    return folder(tmp_path, f"data.augment=[{','.join(transforms)}]")


MADE_UP = {
    "padding": "{_target_: albumentations.PadIfNeeded, min_height: 40, min_width: 40, border_mode: 0}",
    "a rotation": "{_target_: albumentations.Rotate, limit: [45, 45], p: 1.0}",
    "an affine map": "{_target_: albumentations.Affine, rotate: 45, p: 1.0}",
    "a perspective": "{_target_: albumentations.Perspective, p: 1.0, fit_output: true}",
    "a crop beyond the edge": "{_target_: albumentations.RandomCrop, height: 40, width: 40, pad_if_needed: true}",
    "one of several": "{_target_: albumentations.OneOf, p: 1.0, transforms: "
    "[{_target_: albumentations.SafeRotate, limit: [30, 30], p: 1.0}]}",
}


@pytest.mark.parametrize("case", MADE_UP)
def test_what_augmentation_makes_up_is_void(case: str, tmp_path: Path) -> None:
    sample = data(tmp_path, MADE_UP[case]).dataset("train", training=True)[0]
    assert set(np.unique(sample.mask).tolist()) == {1, 2, 255}


@pytest.mark.parametrize(("fill", "label"), [("1", 1), ("[0]", 0), ("255", 255), ("0", 255)])
def test_the_config_may_give_it_a_class(fill: str, label: int, tmp_path: Path) -> None:
    pad = f"{{_target_: albumentations.PadIfNeeded, min_height: 40, min_width: 40, border_mode: 0, fill_mask: {fill}}}"
    make(tmp_path, lambda p, m: save(p, m % 2 if label < 2 else m))
    sample = folder(tmp_path, f"data.augment=[{pad}]").dataset("train", training=True)[0]
    assert sample.mask[0, 0] == label


REFUSED = {
    "{_target_: albumentations.Normalize}": "Augmentation must leave (H, W, 3) uint8; fcnlab normalises itself",
    "{_target_: albumentations.pytorch.ToTensorV2}": "data.augment has ToTensorV2",
    "{_target_: albumentations.OneOf, transforms: [{_target_: albumentations.ToFloat}]}": "data.augment has ToFloat",
    "{_target_: albumentations.PadIfNeeded, mask_value: 255}": "mask_value",
    "{_target_: albumentations.Rotate, mask_interpolation: 1}": "Rotate has mask_interpolation=1, which mixes labels",
    "{_target_: albumentations.SelectiveChannelTransform, transforms: [{_target_: albumentations.Rotate}]}": (
        "SelectiveChannelTransform gives Rotate the image alone, so that the mask would stay where it is"
    ),
    "{_target_: albumentations.OneOf, transforms: []}": "data.augment has OneOf without transforms, which does nothing",
    "{_target_: pathlib.Path}": "which is no transform of albumentations",
}


@pytest.mark.filterwarnings("ignore:Argument")
@pytest.mark.parametrize("typed", REFUSED)
def test_what_would_change_the_meaning_is_refused_when_it_is_built(
    typed: str, tmp_path: Path, command: Command
) -> None:
    root = make(tmp_path / "data")
    outcome = command("train", *words(root, f"data.augment=[{typed}]"), "logger=none")
    assert outcome.code == 1
    assert REFUSED[typed] in outcome.text
    assert "Traceback" not in outcome.text


@pytest.mark.filterwarnings("ignore:Argument")
def test_an_argument_that_albumentations_only_warns_of_is_refused_in_python_too() -> None:
    with pytest.raises(UserError, match="PadIfNeeded takes no mask_value. It is now fill_mask"):
        Augmentation([albumentations.PadIfNeeded(mask_value=255)])


def lambda_of(**functions):
    def named(function):
        def change(array, **parameters):
            return function(array)

        return change

    return Augmentation([albumentations.Lambda(**{key: named(f) for key, f in functions.items()}, p=1.0)])


WRONG = {
    "a float image": ({"image": lambda a: a / 255}, r"an image \(24, 30, 3\) float64"),
    "a grey image": ({"image": lambda a: a[..., 0]}, r"an image \(24, 30\) uint8"),
    "a float mask": ({"mask": lambda a: a.astype(np.float32)}, r"a mask \(24, 30\) float32"),
    "labels that were not there": (
        {"mask": lambda a: a + (a.shape == FULL.shape)},
        "makes label 3, which the mask did not hold",
    ),
    "another size": ({"image": lambda a: a[1:]}, "an image of"),
}


@pytest.mark.parametrize("case", WRONG)
def test_every_sample_is_looked_at(case: str) -> None:
    functions, told = WRONG[case]
    with pytest.raises(UserError, match=told):
        lambda_of(**functions)(IMAGE, FULL, 0)


def test_void_may_be_made_and_moved() -> None:
    _, mask = lambda_of(mask=lambda a: np.where(np.arange(30) < 5, 255, a).astype(np.uint8))(IMAGE, FULL, 0)
    assert set(np.unique(mask)) == {2, 255}


def test_none_is_the_same_as_an_empty_list(tmp_path: Path, command: Command) -> None:
    root = make(tmp_path / "data")
    sizes = {
        typed: folder(root, f"data.augment={typed}", "data.image_size=[8,9]")
        .dataset("train", training=True)[0]
        .mask.shape
        for typed in ("null", "[]")
    }
    assert sizes["null"] == sizes["[]"] == (8, 9)
    small = ("model.backbone.width=0.05", "model.backbone.fc_channels=8", "trainer=smoke", "logger=none")
    outcome = command("train", *words(root, "data.augment=null", "data.image_size=[8,9]"), *small)
    assert outcome.code == 0, outcome.text


def test_many_channels_are_turned_with_their_mask() -> None:
    mask = np.arange(24 * 30, dtype=np.uint8).reshape(24, 30)
    image, turned = Augmentation([albumentations.D4(p=1.0)])(np.dstack([mask] * 6), mask, 3)
    assert (image == turned[..., None]).all()
