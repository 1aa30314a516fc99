"""How the learning rate changes: any scheduler of torch, with a warm-up in front."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge, Interval
from torch.optim.lr_scheduler import LinearLR, SequentialLR

LENGTH = ("total_iters", "T_max", "total_steps")  # what torch's schedulers call the number of their steps
BEGINNING = 0.01  # of the full rate, where a warm-up begins


class Scheduler:
    """A schedule over a training; the number of its steps is handed over where the scheduler takes one.

    Args:
        scheduler: makes a torch scheduler from an optimiser (``_partial_: true``); None keeps the rate.
        interval: ``step`` or ``epoch``: when the scheduler is asked for the next rate.
        frequency: every so many intervals.
        monitor: the metric that ReduceLROnPlateau looks at.
        warmup: share of the training in which the rate rises from a hundredth to its full value.
    """

    def __init__(
        self,
        *,
        scheduler: Callable[..., Any] | None = None,
        interval: Literal["step", "epoch"] = "step",
        frequency: Annotated[int, Ge(1)] = 1,
        monitor: str | None = None,
        warmup: Annotated[float, Interval(ge=0, lt=1)] = 0.0,
    ) -> None:
        self.scheduler, self.interval, self.frequency, self.monitor = scheduler, interval, frequency, monitor
        self.warmup = warmup

    def build(self, optimizer: torch.optim.Optimizer, *, steps: int, epochs: int | None = None) -> list[dict[str, Any]]:
        """Lightning's description of the schedulers over ``steps`` steps (or ``epochs`` epochs)."""
        warm = round(self.warmup * steps)
        warming = LinearLR(optimizer, start_factor=BEGINNING, total_iters=warm) if warm else None
        by_step = self.interval == "step"
        length = max(1, steps - warm) if by_step else max(1, epochs or 1)
        main = self.make(optimizer, length)
        if main is None:
            return [] if warming is None else [{"scheduler": warming, "interval": "step"}]
        described = {"interval": self.interval, "frequency": self.frequency, "monitor": self.monitor}
        if warming is None:
            return [{"scheduler": main, **described}]
        if by_step and self.frequency == 1 and self.monitor is None:
            return [{"scheduler": SequentialLR(optimizer, [warming, main], milestones=[warm]), "interval": "step"}]
        return [{"scheduler": warming, "interval": "step"}, {"scheduler": main, **described}]

    def make(self, optimizer: torch.optim.Optimizer, length: int) -> Any:
        """The scheduler itself; its length is told where it takes one and the config does not say it."""
        if self.scheduler is None:
            return None
        target = getattr(self.scheduler, "func", self.scheduler)
        given = getattr(self.scheduler, "keywords", {})
        taken = set(inspect.signature(target).parameters)
        lengths = {name: length for name in LENGTH if name in taken and given.get(name) is None}
        return self.scheduler(optimizer, **lengths)
