"""Many processes as one: sums and gatherings over all that train together."""

from typing import TypeVar

import torch
import torch.distributed as dist

T = TypeVar("T")


def is_distributed() -> bool:
    """Whether this process is one of several that train together."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def sum_over_processes(value: torch.Tensor) -> torch.Tensor:
    """A tensor summed over all processes; itself where there is one. No gradient flows through."""
    if not is_distributed():
        return value
    total = value.detach().clone()
    dist.all_reduce(total)
    return total


def number_of_processes() -> int:
    """How many processes train together."""
    return dist.get_world_size() if is_distributed() else 1


def gather(thing: T) -> list[T]:
    """What every process holds, in the order of their ranks; the same list for all of them."""
    if not is_distributed():
        return [thing]
    everything: list[T | None] = [None] * dist.get_world_size()
    dist.all_gather_object(everything, thing)
    return everything  # type: ignore[return-value]


def leave_group() -> None:
    """Leave the group of processes: threads of gloo that run on would abort a process that ends, after all was done."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()
