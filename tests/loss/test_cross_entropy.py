"""The loss equals cross-entropy written out with numpy, and void never counts."""

import math

import numpy as np
import pytest
import torch

from fcnlab.cli.compose import build, compose
from fcnlab.error import UserError
from fcnlab.loss.cross_entropy import CrossEntropy


def by_hand(logits: torch.Tensor, mask: torch.Tensor, weights: list[float], reduction: str) -> float:
    total, count = 0.0, 0.0
    for n, h, w in np.ndindex(*mask.shape):
        label = int(mask[n, h, w])
        if label != 255:
            scores = logits[n, :, h, w].double().numpy()
            total += weights[label] * (np.log(np.exp(scores).sum()) - scores[label])
            count += weights[label]
    return total / (len(mask) if reduction == "sum" else count)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("weights", [None, [0.5, 2.0, 1.0]])
def test_loss_is_cross_entropy_over_the_pixels_that_are_not_void(reduction: str, weights: list[float] | None) -> None:
    logits, mask = torch.randn(2, 3, 4, 5), torch.randint(0, 3, (2, 4, 5))
    mask[:, 1] = 255
    loss = CrossEntropy(num_classes=3, reduction=reduction, class_weights=weights)(logits, mask)
    assert loss.item() == pytest.approx(by_hand(logits, mask, weights or [1.0] * 3, reduction), rel=1e-5)


def test_loss_of_a_net_that_knows_nothing_is_the_logarithm_of_the_class_count() -> None:
    loss = build(compose("train").loss, num_classes=21)
    assert loss(torch.zeros(1, 21, 3, 3), torch.zeros(1, 3, 3, dtype=torch.long)).item() == pytest.approx(math.log(21))


def test_all_void_is_no_loss_and_no_nan() -> None:
    logits = torch.randn(1, 3, 2, 2, requires_grad=True)
    loss = CrossEntropy(num_classes=3)(logits, torch.full((1, 2, 2), 255))
    loss.backward()
    assert loss.item() == 0.0
    assert not logits.grad.any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("reduction=max", "Known: mean, sum"),
        ("class_weights=inverse", "a list of numbers, 0 or more, or median_frequency, or null"),
        ("class_weights=[1.0]", "1 numbers for 3 classes"),
    ],
)
def test_unknown_settings_are_refused(settings: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        build(compose("train", [f"loss.{settings}"]).loss, num_classes=3)
