"""How many steps and epochs a training has, also where gradients are accumulated over more batches in some epochs."""

import math
from collections.abc import Iterator
from itertools import accumulate, count, islice

import lightning as L
from lightning.pytorch.callbacks import GradientAccumulationScheduler


def steps_by_epoch(trainer: L.Trainer) -> Iterator[int]:
    """The steps of each epoch, without an end."""
    own = [one for one in trainer.callbacks if isinstance(one, GradientAccumulationScheduler)]  # type: ignore[attr-defined]
    for epoch in count():
        factor = own[0].get_accumulate_grad_batches(epoch) if own else trainer.accumulate_grad_batches
        yield max(1, math.ceil(trainer.num_training_batches / factor))


def training_steps(trainer: L.Trainer) -> float:
    """The steps of a whole training; infinity where neither epochs nor steps end it."""
    steps = trainer.estimated_stepping_batches  # it takes the factor of now for all epochs
    if trainer.max_epochs in (None, -1):
        return steps
    found = sum(islice(steps_by_epoch(trainer), trainer.max_epochs))
    return found if trainer.max_steps == -1 else min(found, trainer.max_steps)


def training_epochs(trainer: L.Trainer, steps: float) -> int:
    """The epochs that so many steps are, the last perhaps in part."""
    trainer.fit_loop.setup_data()  # where steps are counted, the batches of an epoch are not known yet
    return next(epoch for epoch, done in enumerate(accumulate(steps_by_epoch(trainer)), 1) if done >= steps)
