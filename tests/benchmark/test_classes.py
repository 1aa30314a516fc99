"""Both losses that are timed are the same loss; the memory of strips is a fraction of the plain one's."""

import torch

from fcnlab.benchmark.classes import Loss, extra_memory
from fcnlab.benchmark.row import Alone


def test_what_is_timed_is_the_same_loss_with_the_same_gradient() -> None:
    plain, strips = (Loss(name, side=40, batch=2, classes=30) for name in ("cross_entropy", "cross_entropy_strips"))
    torch.testing.assert_close(plain(), strips(), rtol=1e-6, atol=0)
    torch.testing.assert_close(plain.score.grad, strips.score.grad, rtol=1e-4, atol=1e-8)


class Memory:
    """Extra memory of both losses in one process, the smaller one first: a process's peak never falls."""

    def __call__(self) -> list[int]:
        setting = {"side": 256, "batch": 4, "classes": 60}
        return [extra_memory(name, setting) for name in ("cross_entropy_strips", "cross_entropy")]


def test_strips_take_a_fraction_of_the_memory() -> None:
    with Alone(Memory) as memory:
        strips, plain = memory()
    assert 0 <= strips < plain / 4
    assert plain > 4 * 60 * 256 * 256 * 4  # at least the logits
