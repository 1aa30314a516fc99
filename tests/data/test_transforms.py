"""Augmentation follows from its seed, scoring leaves the truth alone, the net sees what it was made for."""

import numpy as np
import pytest
import torch

from fcnlab.cli.compose import build, compose
from fcnlab.data.transforms import Pipeline
from fcnlab.error import UserError

PLAIN = {"mean": [0.0] * 3, "std": [1 / 255] * 3}


def image_of(mask: np.ndarray) -> np.ndarray:
    """An image whose three channels are its mask: whatever happens must happen to both."""
    return np.repeat(mask[..., None], 3, axis=2)


def test_augmentation_follows_from_its_seed() -> None:
    config = compose("train", ["data=camvid", "data.image_size=[32,48]"])
    pipeline = Pipeline(image_size=(32, 48), augment=build(config.data.augment), **PLAIN)
    mask = np.arange(60 * 80, dtype=np.uint8).reshape(60, 80)
    first, again, other = (pipeline(image_of(mask), mask, seed)[0] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_scoring_resizes_the_image_and_leaves_the_truth_alone() -> None:
    mask = np.random.default_rng(0).integers(0, 5, (60, 80), dtype=np.uint8)
    image, kept = Pipeline(image_size=(30, 40), **PLAIN)(image_of(mask), mask)
    assert image.shape == (3, 30, 40)
    assert (kept.numpy() == mask).all()


def test_normalisation_is_value_minus_mean_over_std() -> None:
    pixel = np.array([[[255, 0, 51]]], np.uint8)
    image, _ = Pipeline(image_size=None, mean=[0.5, 0.5, 0.2], std=[0.5, 0.25, 1.0])(pixel, pixel[..., 0])
    assert image.flatten().tolist() == pytest.approx([1.0, -2.0, 0.0])


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1)])
def test_a_line_of_pixels_that_was_flipped_is_taken(shape: tuple[int, int]) -> None:
    """Numpy calls a flipped axis of one pixel contiguous; torch does not take its stride."""
    line = np.arange(15, dtype=np.uint8)[: 3 * shape[0] * shape[1]].reshape(*shape, 3)
    pipeline = Pipeline(image_size=None, mean=[0.0] * 3, std=[1.0] * 3, order="RGB", scale=255)
    for flipped in (line[::-1], line[:, ::-1], line[::-1, ::-1]):
        assert (pipeline.normalise(flipped).permute(1, 2, 0).numpy() == flipped).all()


def test_the_net_can_be_fed_bgr_minus_mean_as_caffe_is() -> None:
    means = [104.00699, 116.66877, 122.67892]
    caffe = ["data.order=BGR", "data.scale=255", f"data.mean={means}", "data.std=[1,1,1]"]
    data = build(compose("train", ["data=shapes", "data.images.train=1", *caffe]).data)
    rgb, _ = data.read("train", 0)
    image = data.dataset("train")[0].image
    assert np.array_equal(
        image.numpy(), rgb.transpose(2, 0, 1)[::-1].astype(np.float32) - np.float32(means)[:, None, None]
    )
    with pytest.raises(UserError, match="Known: BGR, RGB"):
        build(compose("train", ["data=shapes", "data.order=BRG"]).data)


def test_imagenets_normalisation_is_the_same_in_any_order_and_scale() -> None:
    few = ["data=shapes", "data.images.train=1", "data.mean=null", "data.std=null"]
    plainly, turned = (
        build(compose("train", [*few, *more]).data).dataset("train")[0][0]
        for more in ([], ["data.order=BGR", "data.scale=255"])
    )
    torch.testing.assert_close(plainly, turned.flip(0))
