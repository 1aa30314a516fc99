"""Equal averaging: what it averages, and what is no share of a training (its effect: tests/stranger)."""

import pytest
import torch
from torch.optim.swa_utils import AveragedModel

from fcnlab.callbacks.averaging import EqualWeightAveraging
from fcnlab.error import UserError


def test_until_it_begins_the_average_is_the_weights_and_then_their_mean() -> None:
    net, averaging = torch.nn.Linear(1, 1, bias=False), EqualWeightAveraging(start=0.5)
    averaging.first, averaging._average_model = 2, AveragedModel(net)
    seen = []
    for step, weight in enumerate([5.0, 7.0, 1.0, 3.0, 8.0]):
        torch.nn.init.constant_(net.weight, weight)
        if averaging.should_update(step_idx=step):
            averaging._average_model.update_parameters(net)
        seen.append(averaging._average_model.module.weight.item())
    assert seen == pytest.approx([5, 7, 1, 2, 4])
    assert not averaging.should_update(epoch_idx=0)


def test_a_start_that_is_no_share_is_refused() -> None:
    with pytest.raises(UserError, match="from 0 to below 1"):
        EqualWeightAveraging(start=3)
