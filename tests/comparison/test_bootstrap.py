"""The bootstrap's interval agrees with one that draws every resample there is."""

import itertools

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import multiclass_jaccard_index

from fcnlab.comparison.bootstrap import paired_differences
from fcnlab.comparison.finished import Counts

CLASSES = 3


def masks(images: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, CLASSES, (images, 6, 6))


def count(prediction: np.ndarray, truth: np.ndarray) -> Counts:
    """Pixels (3, images, classes), counted one class at a time."""
    right = prediction == truth
    kinds = [(right & (truth == c), prediction == c, truth == c) for c in range(CLASSES)]
    return np.array([[kind.sum((1, 2)) for kind in one] for one in kinds]).transpose(1, 2, 0)


def mean_iou(prediction: np.ndarray, truth: np.ndarray) -> float:
    """Torchmetrics' mean IU of one set of pixels."""
    pair = torch.from_numpy(prediction), torch.from_numpy(truth)
    return multiclass_jaccard_index(*pair, num_classes=CLASSES).item()


def test_the_interval_is_that_of_all_resamples_drawn_one_by_one() -> None:
    truth, first, second = masks(5, 0), masks(5, 1), masks(5, 2)
    first[2:] = truth[2:]
    every = [
        mean_iou(first[list(drawn)], truth[list(drawn)]) - mean_iou(second[list(drawn)], truth[list(drawn)])
        for drawn in itertools.product(range(5), repeat=5)
    ]
    found = paired_differences(count(first, truth), count(second, truth), samples=20_000)["mean_iou"]
    assert found.value == pytest.approx(mean_iou(first, truth) - mean_iou(second, truth), abs=1e-6)
    assert (found.low, found.high) == pytest.approx(np.quantile(every, [0.025, 0.975]), abs=0.01)
    assert found.high - found.low > 0.2  # an interval that could be missed


def test_both_variants_are_scored_on_the_same_draw() -> None:
    counts = count(masks(6, 1), masks(6, 0))
    for interval in paired_differences(counts, counts, samples=50).values():
        assert interval == (0, 0, 0)


def test_a_difference_on_every_image_alike_is_certain() -> None:
    truth = np.repeat(masks(1, 0), 4, axis=0)
    found = paired_differences(count(truth, truth), count(np.repeat(masks(1, 1), 4, axis=0), truth), samples=50)
    assert found["mean_iou"].low == pytest.approx(found["mean_iou"].high)
    assert found["pixel_accuracy"].value > 0


def test_a_class_that_a_draw_lacks_is_left_out_of_its_mean() -> None:
    truth = np.zeros((2, 4, 4), int)
    truth[0, 0] = 1  # in one image only; class 2 is in none
    wrong = 1 - truth
    found = paired_differences(count(truth, truth), count(wrong, truth), samples=50)
    assert found["mean_iou"] == (1, 1, 1)
