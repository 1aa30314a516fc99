"""The loss over an epoch is a weighted mean, part by part."""

import pytest
import torch

from fcnlab.loss.base import Term
from fcnlab.loss.mean import MeanLosses


def test_a_mean_over_batches_is_weighted_by_what_they_were_divided_by() -> None:
    subject = MeanLosses({"": 1.0})
    subject.update({"": Term(torch.tensor(6.0), torch.tensor(2.0))})
    subject.update({"": Term(torch.tensor(1.0), torch.tensor(8.0))})
    assert subject.compute() == {"loss": pytest.approx(0.7)}


def test_parts_are_summed_by_their_weights_and_told_by_name() -> None:
    subject = MeanLosses({"near": 1.0, "far": 0.5, "never": 2.0})
    subject.update(
        {"near": Term(torch.tensor(3.0), torch.tensor(1.0)), "far": Term(torch.tensor(8.0), torch.tensor(2.0))}
    )
    assert subject.compute() == {"loss": 5.0, "loss/near": 3.0, "loss/far": 4.0}
