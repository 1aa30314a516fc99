"""Both losses that are timed are the same loss; the memory of chunks is a fraction of the plain one's."""

import pytest
import torch

from fcnlab.benchmark.classes import Loss
from fcnlab.benchmark.row import Alone


def test_what_is_timed_is_the_same_loss_with_the_same_gradient() -> None:
    plain, chunks = (Loss(name, side=40, batch=2, classes=30) for name in ("cross_entropy", "chunked_cross_entropy"))
    torch.testing.assert_close(plain(), chunks(), rtol=1e-6, atol=0)
    torch.testing.assert_close(plain.score.grad, chunks.score.grad, rtol=1e-4, atol=1e-8)


@pytest.mark.slow
def test_chunks_take_a_fraction_of_the_memory() -> None:
    setting = {"side": 256, "batch": 4, "classes": 60}
    with (
        Alone(Loss, choice="chunked_cross_entropy", **setting) as chunks,
        Alone(Loss, choice="cross_entropy", **setting) as plain,
    ):
        ours, theirs = chunks.ask("extra_memory")[1], plain.ask("extra_memory")[1]
    assert 0 < ours < theirs / 4
    assert theirs > 4 * 60 * 256 * 256 * 4  # at least the logits
