"""The boundary F1 is that of all distances between outlines, worked out pixel by pixel."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from fcnlab.cli.compose import compose, plain
from fcnlab.metric.boundary import BoundaryF1
from fcnlab.metric.extra import build_metrics


def edge(shape: Any) -> Any:
    """The (row, column) of every pixel of a shape with a neighbour in the image outside it."""
    found = []
    for y, x in np.argwhere(shape):
        around = [(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)]
        if any(0 <= v < shape.shape[0] and 0 <= u < shape.shape[1] and not shape[v, u] for v, u in around):
            found.append((y, x))
    return np.array(found).reshape(-1, 2)


def by_hand(predictions: Any, truths: Any, *, tolerance: float) -> float:
    """SegNet's BF of masks (N, H, W): mean over the classes in an image's truth, then over images."""
    images = []
    for prediction, truth in zip(predictions, truths, strict=True):
        prediction = np.where(truth == 255, 255, prediction)
        reach, scores = tolerance * np.hypot(*truth.shape), []
        for label in set(truth[truth != 255].tolist()):
            drawn, true = edge(prediction == label), edge(truth == label)
            if len(drawn) and len(true):
                near = cdist(drawn, true) <= reach + 1e-9
                precision, recall = near.any(1).mean(), near.any(0).mean()
                scores.append(2 * precision * recall / (precision + recall) if precision + recall else 0.0)
            elif len(drawn) or len(true):
                scores.append(0.0)
        if scores:
            images.append(np.mean(scores))
    return float(np.mean(images))


def blobs(images: int = 3, size: tuple[int, int] = (31, 44), classes: int = 4) -> torch.Tensor:
    rough = torch.randn(images, classes, 6, 8)
    return torch.nn.functional.interpolate(rough, size=size, mode="bicubic").argmax(1)


@pytest.mark.parametrize("tolerance", [0.0, 0.02, 0.06])
@pytest.mark.parametrize("void", [False, True])
def test_it_is_the_f1_of_all_distances_between_outlines(tolerance: float, void: bool) -> None:
    truth = blobs()
    prediction = torch.where(torch.rand(truth.shape) < 0.02, blobs(), truth).roll(1, 2)
    if void:
        truth[:, 10:13] = 255
        truth[0, :, 30:] = 255
    metric = BoundaryF1(num_classes=4, tolerance=tolerance)
    metric.update(prediction[:1], truth[:1])
    metric.update(prediction[1:], truth[1:])
    assert metric.compute().item() == pytest.approx(by_hand(prediction.numpy(), truth.numpy(), tolerance=tolerance))


def test_a_shift_within_the_tolerance_is_right_and_one_beyond_is_not() -> None:
    truth = torch.zeros(1, 60, 80, dtype=torch.long)  # a diagonal of 100 pixels
    truth[:, 20:40, 20:60] = 1
    for shift, right in ((2, True), (3, True), (4, False)):
        metric = BoundaryF1(num_classes=2, tolerance=0.03)
        metric.update(truth.roll(shift, 2), truth)
        assert (metric.compute().item() == 1) == right, shift


def test_void_belongs_to_no_class_and_an_image_of_one_class_says_nothing() -> None:
    truth = torch.zeros(1, 20, 20, dtype=torch.long)
    metric = BoundaryF1(num_classes=2)
    metric.update(truth, truth)
    assert metric.compute().isnan()
    truth[:, :, 10:] = 255
    metric.update(truth + (truth == 255) * -254, truth)  # what is predicted on void makes no outline
    assert metric.compute().item() == 1


def test_conf_gives_it_classes_and_void() -> None:
    (metric,) = build_metrics(plain(compose("train", ["metrics=boundary"]))["metrics"], num_classes=5).values()
    assert isinstance(metric, BoundaryF1)
    assert (metric.num_classes, metric.ignore_index, metric.tolerance) == (5, 255, 0.0075)
