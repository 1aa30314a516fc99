"""What must hold for any input: sizes, counts and labels that hypothesis makes up."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fcnlab.cli.compose import CONF, build, compose
from fcnlab.data.transforms import Pipeline
from fcnlab.metric.segmentation import SegmentationScores
from fcnlab.model.fcn import FCN
from fcnlab.model.vgg import VGG16

# The same examples every time: a test that fails fails for everybody.
same = {"derandomize": True, "deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}
SKIPS = [[], ["pool4"], ["pool4", "pool3"], ["pool3"]]
PIPELINES = sorted(path.stem for path in (CONF / "data").glob("*.yaml"))


@settings(max_examples=20, **same)
@given(
    height=st.integers(1, 150),
    width=st.integers(1, 150),
    images=st.integers(1, 2),
    classes=st.integers(1, 30),
    skips=st.sampled_from(SKIPS),
    padding=st.sampled_from(["same", 100, 128]),
    learned=st.booleans(),
)
def test_the_output_has_the_images_size_and_a_score_for_every_class(
    height: int, width: int, images: int, classes: int, skips: list[str], padding: str | int, learned: bool
) -> None:
    backbone = VGG16(width=0.03, fc_channels=4, padding=padding)
    net = FCN(num_classes=classes, backbone=backbone, skips=skips, learned_upsampling=learned).eval()
    with torch.no_grad():
        logits = net(torch.zeros(images, 3, height, width))
    assert logits.shape == (images, classes, height, width)
    assert torch.isfinite(logits).all()


@settings(max_examples=60, **same)
@given(data=st.data(), classes=st.integers(2, 12), images=st.integers(1, 3))
def test_the_four_numbers_are_numpys_for_any_labels(data: st.DataObject, classes: int, images: int) -> None:
    seed, void = data.draw(st.integers(0, 2**32 - 1)), data.draw(st.floats(0, 0.95))
    used = data.draw(st.integers(1, classes))  # some classes never occur
    random = np.random.default_rng(seed)
    truth, prediction = random.integers(0, used, (images, 5, 7)), random.integers(0, classes, (images, 5, 7))
    truth[random.random(truth.shape) < void] = 255
    scores = SegmentationScores(class_names=tuple(f"c{i}" for i in range(classes)))
    for one, other in zip(prediction, truth, strict=True):  # image by image: the sum is over the set
        scores.update(torch.from_numpy(one)[None], torch.from_numpy(other)[None])
    result = {key: value.item() for key, value in scores.compute().items()}
    known = truth != 255
    matrix = np.histogram2d(truth[known], prediction[known], bins=(np.arange(classes + 1),) * 2)[0]
    hit, true, guessed = np.diag(matrix), matrix.sum(1), matrix.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        iou = hit / (true + guessed - hit)
        expected = {
            "pixel_accuracy": hit.sum() / true.sum(),
            "mean_accuracy": np.nanmean(hit / true) if known.any() else np.nan,
            "mean_iou": np.nanmean(iou) if known.any() else np.nan,
            "frequency_weighted_iou": np.nansum(true * iou) / true.sum(),
        }
    assert {key: result[key] for key in expected} == pytest.approx(expected, nan_ok=True)
    occurs = np.flatnonzero(true + guessed)
    by_class = {key: value for key, value in result.items() if key.startswith("iou/")}
    assert by_class == pytest.approx({f"iou/c{i}": iou[i] for i in occurs})


@pytest.mark.parametrize("name", PIPELINES)
def test_masks_follow_their_images_through_every_transform_of_every_shipped_pipeline(name: str) -> None:
    augment = build(compose("train", [f"data={name}", "data.image_size=[48,64]"]).data.augment)

    @settings(max_examples=25, **same)
    @given(
        height=st.integers(9, 90),
        width=st.integers(9, 90),
        seed=st.integers(0, 2**31 - 1),
        across=st.integers(1, 8),
        down=st.integers(1, 8),
    )
    def aligned(height: int, width: int, seed: int, across: int, down: int) -> None:
        for steps in ([transform] for transform in augment):
            check(steps, height, width, seed, across, down)
        check(augment, height, width, seed, across, down)

    aligned()


def check(steps: list, height: int, width: int, seed: int, across: int, down: int) -> None:
    """Write the mask into the image: after the transform they must agree, but where the image was interpolated."""
    pipeline = Pipeline(image_size=None, mean=[0.0] * 3, std=[1 / 255] * 3, augment=steps)
    rows, columns = np.mgrid[:height, :width]
    mask = (80 * (rows * down // (9 * height) % 2) + 120 * (columns * across // (9 * width) % 2) + 20).astype(np.uint8)
    mask[: height // 2, : width // 3] = 240  # no symmetry: a flip of one alone shows
    image, warped = pipeline(np.repeat(mask[..., None], 3, 2), mask, seed)
    assert image.shape[-2:] == warped.shape
    known, labels = warped != 255, warped.float()[None, None]
    # An edge: pixels within two of another label; what is thinner than that cannot be told from one.
    widest, narrowest = (torch.nn.functional.max_pool2d(sign * labels, 5, 1, 2)[0, 0] for sign in (1, -1))
    inside = known & (widest == -narrowest)
    assert set(warped[known].unique().tolist()) <= set(mask.flatten().tolist())  # no label is made up
    assert ((image[0] - labels[0, 0]).abs()[inside] < 1.5).all()
