"""A weighted sum of losses: its parts, their weights, and sums within sums."""

import pytest
import torch

from fcnlab.error import UserError
from fcnlab.loss.cross_entropy import CrossEntropy
from fcnlab.loss.mean import MeanLosses
from fcnlab.loss.weighted import WeightedSum

LOGITS, MASK = torch.randn(4, 3, 6, 5), torch.randint(0, 3, (4, 6, 5))


def mean_logit(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return logits.mean()


def test_a_sum_within_a_sum_names_and_weighs_every_part() -> None:
    inner = WeightedSum(losses={"a": mean_logit, "b": CrossEntropy(num_classes=3)}, weights={"a": 3})
    outer = WeightedSum(losses={"inner": inner, "c": mean_logit}, weights={"inner": 0.5})
    assert outer.parts() == {"inner_a": 1.5, "inner_b": 0.5, "c": 1.0}
    expected = 2.5 * LOGITS.mean() + 0.5 * torch.nn.functional.cross_entropy(LOGITS, MASK)
    assert outer(LOGITS, MASK).item() == pytest.approx(expected.item(), rel=1e-5)
    means = MeanLosses(outer.parts())
    for part in (slice(0, 1), slice(1, 4)):
        means.update(outer.terms(LOGITS[part], MASK[part]))
    found = means.compute()
    assert found["loss"].item() == pytest.approx(expected.item(), rel=1e-5)
    assert set(found) == {"loss", "loss/inner_a", "loss/inner_b", "loss/c"}


def test_weights_of_no_part_mixed_reductions_and_nothing_are_refused() -> None:
    with pytest.raises(UserError, match="names dise, which is no part of the sum. Did you mean dice"):
        WeightedSum(losses={"dice": mean_logit}, weights={"dise": 1})
    with pytest.raises(UserError, match="the reductions mean, sum"):
        WeightedSum(losses={"a": mean_logit, "b": torch.nn.CrossEntropyLoss(reduction="sum")})
    with pytest.raises(UserError, match="Give one loss or more"):
        WeightedSum(losses={})
