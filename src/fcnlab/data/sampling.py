"""Which image comes when: a function of (seed, epoch, position), not of a process's state."""

from collections.abc import Hashable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from torch.utils.data import Sampler

from fcnlab.error import UserError


class Draw(NamedTuple):
    """One use of one image: which image, the seed of its augmentation, and whether it counts or fills a gap."""

    image: int
    seed: int = 0
    counts: bool = True


class TrainOrder(Sampler[Draw]):
    """The order of training images, the same for any number of processes and workers.

    Process ``rank`` takes its ``batch_size`` positions out of every ``batch_size * processes``; a rest that fills no
    such batch is left out of the epoch.

    Args:
        images: how many there are to draw from.
        replacement: draw with replacement, as the authors' voc_layers.py does, instead of shuffling.
        epoch, start: where a resumed run begins: after so many images of the global order of an epoch.
    """

    def __init__(
        self,
        *,
        images: int,
        batch_size: int,
        seed: int,
        replacement: bool = False,
        rank: int = 0,
        processes: int = 1,
        epoch: int = 0,
        start: int = 0,
    ) -> None:
        self.images, self.batch_size, self.seed, self.replacement = images, batch_size, seed, replacement
        self.rank, self.processes = rank, processes
        self.epoch, self.start = epoch, start
        step = batch_size * processes
        self.length = images // step * step
        if not self.length:
            raise UserError(
                f"{images} training images do not fill one batch of {batch_size} x {processes} processes. "
                "Set data.batch_size to at most the number of training images."
            )

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before every epoch; every other than the first begins at its beginning."""
        if epoch != self.epoch:
            self.epoch, self.start = epoch, 0

    def __len__(self) -> int:
        """The draws of a whole epoch: Lightning adds what is done to what comes."""
        return self.length // self.processes

    def __iter__(self) -> Iterator[Draw]:
        rng = np.random.default_rng([self.seed, self.epoch])
        order = rng.integers(self.images, size=self.images) if self.replacement else rng.permutation(self.images)
        seeds = rng.integers(2**31, size=self.images)
        for position in range(self.start, self.length):
            if position // self.batch_size % self.processes == self.rank:
                yield Draw(int(order[position]), int(seeds[position]))


class EqualSizeBatches(Sampler[list[Draw]]):
    """Every image once over all processes, only images of equal size in a batch: scores then depend on neither.

    Processes that would have a batch less than others get one that does not count: all must call the net equally often.
    """

    def __init__(self, *, sizes: Sequence[Hashable], batch_size: int, rank: int = 0, processes: int = 1) -> None:
        waiting: dict[Hashable, list[Draw]] = {}
        batches = []
        for index, size in enumerate(sizes):
            batch = waiting.setdefault(size, [])
            batch.append(Draw(index))
            if len(batch) == batch_size:
                batches.append(waiting.pop(size))
        batches += waiting.values()
        if batches:
            batches += [[batches[0][0]._replace(counts=False)]] * (-len(batches) % processes)
        self.batches = batches[rank::processes]

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[Draw]]:
        return iter(self.batches)
