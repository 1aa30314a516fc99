"""The order of images is a function of seed, epoch and position, whatever the number of processes."""

import pytest

from fcnlab.data.sampling import EqualSizeBatches, TrainOrder
from fcnlab.error import UserError


def epoch(number: int, *, seed: int = 0, rank: int = 0, processes: int = 1, batch_size: int = 4, **more) -> list:
    order = TrainOrder(images=17, seed=seed, rank=rank, processes=processes, batch_size=batch_size, **more)
    order.set_epoch(number)
    draws = list(order)
    assert len(draws) == len(order)
    return draws


def test_an_epoch_uses_every_image_at_most_once_in_whole_batches() -> None:
    indices = [draw.image for draw in epoch(0)]
    assert len(indices) == len(set(indices)) == 16


def test_the_same_seed_and_epoch_give_the_same_draws_and_others_do_not() -> None:
    assert epoch(3) == epoch(3)
    assert epoch(3) != epoch(4)
    assert epoch(3) != epoch(3, seed=1)


@pytest.mark.parametrize("processes", [2, 4])
def test_processes_share_the_batches_of_one(processes: int) -> None:
    size = 8 // processes
    shares = [epoch(1, rank=r, processes=processes, batch_size=size) for r in range(processes)]
    together = []
    for step in range(len(shares[0]) // size):
        for share in shares:
            together += share[step * size : (step + 1) * size]
    assert together == epoch(1, batch_size=8)


def test_with_replacement_some_images_come_twice() -> None:
    indices = [draw.image for draw in epoch(0, replacement=True)]
    assert len(set(indices)) < len(indices)


def test_an_epoch_can_begin_in_the_middle() -> None:
    whole, next_whole = epoch(2), epoch(3)
    order = TrainOrder(images=17, seed=0, batch_size=4, epoch=2, start=8)
    order.set_epoch(2)
    assert list(order) == whole[8:]
    assert len(order) == 16  # Lightning counts what was done to it
    order.set_epoch(3)
    assert list(order) == next_whole


def test_too_few_images_for_a_batch_are_refused() -> None:
    with pytest.raises(UserError, match="3 training images do not fill one batch of 4 x 1"):
        TrainOrder(images=3, batch_size=4, seed=0)


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_scoring_visits_every_image_once_and_batches_hold_one_size(processes: int) -> None:
    sizes = ["small", "large", "small", "small", "large", "small", "wide"]
    shares = [list(EqualSizeBatches(sizes=sizes, batch_size=2, rank=r, processes=processes)) for r in range(processes)]
    assert len({len(share) for share in shares}) == 1, "a process that calls the net less often leaves others waiting"
    batches = [batch for share in shares for batch in share]
    assert sorted(draw.image for batch in batches for draw in batch if draw.counts) == list(range(7))
    assert all(len({sizes[draw.image] for draw in batch}) == 1 for batch in batches)
