"""Batches on their way from a loading process: through shared memory, of which a container may have too little."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.utils.data import get_worker_info

from fcnlab.error import UserError


class Shared:
    """Collate in a loading process, and say so where shared memory is full.

    torch would put the batch there later, in a thread whose error nobody hears: the training waits for ever.

    Args:
        collate: makes a batch, a mapping with tensors, of a list of samples.

    Raises:
        UserError: /dev/shm is too small for the batches that are on their way.
    """

    def __init__(self, collate: Callable[[Sequence[Any]], Any]) -> None:
        self.collate = collate

    def __call__(self, samples: Sequence[Any]) -> Any:
        """A batch of samples."""
        batch = self.collate(samples)
        if get_worker_info() is None or not isinstance(batch, Mapping):
            return batch
        groups = [value.values() if isinstance(value, Mapping) else [value] for value in batch.values()]
        tensors = [value for group in groups for value in group if isinstance(value, torch.Tensor)]
        try:
            for tensor in tensors:
                tensor.share_memory_()  # type: ignore[no-untyped-call]
        except (RuntimeError, OSError) as error:
            size = sum(tensor.nbytes for tensor in tensors) / 2**20
            raise UserError(
                f"A batch of {size:.1f} MiB finds no room in shared memory (/dev/shm). Give the container more, as by "
                "docker run --shm-size=2g, or set data.num_workers=0, or a smaller data.batch_size."
            ) from error
        return batch
