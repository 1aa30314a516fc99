"""Each transform is tried before a training: what mixes labels, does nothing or lacks something is refused."""

import albumentations
import numpy as np
import pytest
from conftest import Command
from data.made import make, words

from fcnlab.data.augmentation import Augmentation
from fcnlab.error import UserError

SLOW = {"PiecewiseAffine": pytest.mark.slow}
ALL = sorted(
    name
    for name, kind in vars(albumentations).items()
    if isinstance(kind, type) and issubclass(kind, albumentations.BasicTransform) and name != "BasicTransform"
)
NEEDED = {
    **{key: {"height": 32, "width": 32} for key in ("RandomCrop", "CenterCrop", "CropNonEmptyMaskIfExists", "Resize")},
    **{key: {"height": 32, "width": 32} for key in ("AtLeastOneBBoxRandomCrop", "RandomSizedBBoxSafeCrop")},
    **{key: {"max_size": 32} for key in ("LongestMaxSize", "SmallestMaxSize")},
    **{key: {"size": (1, 32, 32)} for key in ("CenterCrop3D", "RandomCrop3D")},
    **{key: {"padding": 5} for key in ("Pad", "Pad3D")},
    "Crop": {"x_max": 32, "y_max": 32},
    "CropAndPad": {"px": 5},
    "GridElasticDeform": {"num_grid_xy": (4, 4), "magnitude": 5},
    "PiecewiseAffine": {"nb_rows": 2, "nb_cols": 2},
    "Superpixels": {"max_size": 16, "n_segments": 4},
    "PadIfNeeded": {"min_height": 100, "min_width": 100},
    "PadIfNeeded3D": {"min_zyx": (3, 99, 99)},
    "RandomResizedCrop": {"size": (32, 32)},
    "RandomSizedCrop": {"min_max_height": (20, 40), "size": (32, 32)},
    "TextImage": {"font_path": "none.ttf"},
}
VOLUMES = ("CenterCrop3D", "CoarseDropout3D", "CubicSymmetry", "Pad3D", "PadIfNeeded3D", "RandomCrop3D", "Transform3D")
LACKING = ("BBoxSafeRandomCrop", "RandomSizedBBoxSafeCrop", "FDA", "HistogramMatching", "Mosaic", "OverlayElements")
LACKING = (*LACKING, "PixelDistributionAdaptation", "RandomCropNearBBox", "TextImage")
TOLD = {
    **dict.fromkeys(VOLUMES, "is of volumes, and does nothing to images"),
    **dict.fromkeys(LACKING, "but a sample is an image and its mask"),
    **dict.fromkeys(("DualTransform", "ImageOnlyTransform"), "cannot be applied to images of 3"),
    **dict.fromkeys(("FromFloat", "Normalize", "ToFloat", "ToTensorV2", "ToTensor3D"), "fcnlab normalises itself"),
    **dict.fromkeys(("ConstrainedCoarseDropout", "ToRGB"), "does nothing"),
    "Morphological": "mixes labels",
}
DRAW = np.random.default_rng(0)
MASK = DRAW.integers(0, 3, (6, 8)).repeat(10, 0).repeat(10, 1).astype(np.uint8)
BRIGHTNESS = np.array([200, 100, 30], np.uint8)  # of the classes, in another order than their numbers
IMAGE = BRIGHTNESS[MASK][..., None].repeat(3, 2)
DROPS = ("Erasing", "GridDropout")  # a part of the image, whose labels stay to be guessed


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", [pytest.param(name, marks=SLOW.get(name, ())) for name in ALL])
def test_every_transform_keeps_labels_with_their_pixels_or_is_refused(name: str) -> None:
    kind = getattr(albumentations, name)
    made = kind(p=1.0, **NEEDED.get(name, {}))
    if name in TOLD:
        with pytest.raises(UserError, match=TOLD[name]):
            Augmentation([made])
        return
    image, mask = Augmentation([made])(IMAGE, MASK, 7)
    again, twin = Augmentation([kind(p=1.0, **NEEDED.get(name, {}))])(IMAGE, MASK, 7)
    assert (again == image).all()  # the seed says all
    assert (twin == mask).all()
    if issubclass(kind, albumentations.DualTransform) and name not in DROPS:
        seen = np.abs(image.mean(-1)[..., None] - BRIGHTNESS).argmin(-1)
        assert (seen == mask)[mask != 255].mean() > 0.85  # pixels between two classes are mixed in the image
    else:
        assert (mask == MASK).all()


MIXES = {
    "a mask declared an image": lambda: albumentations.Compose(
        [albumentations.Affine(scale=0.9)], additional_targets={"mask": "image"}
    ),
    "a mask resized by area": lambda: albumentations.Resize(20, 20, area_for_downscale="image_mask"),
    "the same within a choice": lambda: albumentations.OneOf(
        [albumentations.LongestMaxSize(20, area_for_downscale="image_mask")], p=0.01
    ),
    "a person's own": lambda: albumentations.Lambda(mask=lambda mask, **_: np.maximum(mask, mask[::-1]), p=0.01),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("case", MIXES)
def test_what_treats_labels_as_brightness_is_refused_though_no_new_label_appears(case: str) -> None:
    with pytest.raises(UserError, match="mixes labels: it treats their numbers as brightness"):
        Augmentation([MIXES[case]()])


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_channels_that_a_transform_cannot_have_are_told(command: Command, tmp_path) -> None:
    typed = "data.augment=[{_target_: albumentations.ToSepia, p: 0.01}]"
    words_ = words(make(tmp_path / "data"), typed, "data.channels=5", "logger=none")
    outcome = command("train", *words_)
    assert outcome.code == 1
    assert "ToSepia cannot be applied to images of 5 channels" in outcome.text
    assert "Traceback" not in outcome.text


def test_whatever_fails_in_a_sample_is_told_with_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(array, **_):
        if array.shape[0] == 60:
            raise KeyError("mine")
        return array

    with pytest.raises(UserError, match=r"cannot be applied to an image 80x60: KeyError: 'mine'\.$"):
        Augmentation([albumentations.Lambda(image=fail, p=1.0)])(IMAGE, MASK, 0)


def test_a_key_that_a_persons_own_transform_lacks_is_told_as_what_it_is() -> None:
    def lacks(image, **more):
        return image * more["mine"]

    with pytest.raises(UserError, match=r"Lambda cannot be applied to images of 3 channels: KeyError: 'mine'\. Take"):
        Augmentation([albumentations.Lambda(image=lacks, p=1.0)])
