"""How the learning rate changes: any scheduler of torch, with a warm-up in front."""

import inspect
import itertools
from bisect import bisect
from collections.abc import Callable
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge, Interval
from torch.optim.lr_scheduler import LinearLR, LRScheduler, ReduceLROnPlateau, SequentialLR

from fcnlab.cli.annotation import accepts
from fcnlab.cli.checked import Checked
from fcnlab.cli.signature import takes
from fcnlab.cli.validation import wrong_way
from fcnlab.error import UserError, kind

# What schedulers of torch, timm and transformers call their length.
LENGTH = ("total_iters", "T_max", "total_steps", "t_initial", "num_training_steps")
RATES = ("max_lr", "base_lr")  # of OneCycleLR and CyclicLR, one number or one for each group of parameters
BEGINNING = 0.01  # of the full rate, where a warm-up begins


class Scheduler(Checked):
    """A schedule over a training; the number of its steps is handed over where the scheduler takes one.

    Args:
        scheduler: makes a torch scheduler from an optimiser (``_partial_: true``), as may the ``schedulers`` within a
            SequentialLR or ChainedScheduler; None keeps the rate.
        interval: ``step`` or ``epoch``: when the scheduler is asked for the next rate.
        frequency: every so many intervals.
        monitor: the metric that ReduceLROnPlateau looks at.
        warmup: share of the training in which the rate rises from a hundredth to its full value. In front of a
            scheduler that is asked by epochs, a warm-up of more than one epoch rises by epochs too.
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
        if monitor and interval == "step":
            raise UserError(f"scheduler.monitor={monitor} is measured in validations. Set scheduler.interval=epoch.")
        self.scheduler, self.interval, self.frequency, self.monitor = scheduler, interval, frequency, monitor
        self.warmup = warmup

    def build(self, optimizer: torch.optim.Optimizer, *, steps: int, epochs: int = 1) -> list[dict[str, Any]]:
        """Lightning's description of the schedulers over ``steps`` steps, which are ``epochs`` epochs."""
        calls = max(1, (steps if self.interval == "step" else epochs) // self.frequency)  # of the scheduler
        warm, by_call = round(self.warmup * steps), steps / calls  # steps
        described: dict[str, Any] = {"interval": self.interval, "frequency": self.frequency}
        if self.monitor:  # Lightning hands the score over to torch's ReduceLROnPlateau alone
            described |= {"monitor": self.monitor, "reduce_on_plateau": True}
        if self.scheduler is None:
            return [{"scheduler": self.warming(optimizer, warm), "interval": "step"}] if warm else []
        if not warm:
            return [{"scheduler": self.make(optimizer, calls), **described}]
        # Beside a warm-up by steps no scheduler may set the rate: a plateau only lowers it, another waits for its end.
        if self.monitor or (by_call > 1 and warm <= by_call):
            main = self.make(optimizer, calls)  # first: some set the rate at once
            warming = self.warming(optimizer, warm)
            return [{"scheduler": warming, "interval": "step"}, {"scheduler": main, **described}]
        warm = max(1, round(warm / by_call))
        parts = [self.warming(optimizer, warm), self.make(optimizer, max(1, calls - warm))]
        if hasattr(parts[1], "_schedulers") or not isinstance(parts[1], LRScheduler):
            name = type(parts[1]).__name__
            raise UserError(f"torch puts nothing in front of a {name}. Set scheduler.warmup=0 and let it begin slowly.")
        return [{"scheduler": SequentialLR(optimizer, parts, milestones=[warm]), **described}]

    def warming(self, optimizer: torch.optim.Optimizer, length: int) -> LinearLR:
        """The rate's rise over so many calls."""
        return LinearLR(optimizer, start_factor=BEGINNING, total_iters=length)

    def make(self, optimizer: torch.optim.Optimizer, length: int) -> Any:
        """The scheduler itself; its length, in calls, is told where it takes one and the config does not say it."""
        assert self.scheduler is not None
        keywords = getattr(self.scheduler, "keywords", {})
        own: dict[str, Any] = {}
        if "schedulers" in keywords:
            ends = [0, *keywords.get("milestones", []), length]
            lengths = [max(1, end - begin) for begin, end in itertools.pairwise(ends)]
            lengths = lengths if "milestones" in keywords else [length] * len(keywords["schedulers"])
            if len(lengths) != len(keywords["schedulers"]):
                raise UserError(
                    f"scheduler.scheduler has {len(keywords['schedulers'])} schedulers and milestones="
                    f"{keywords['milestones']}. One less than schedulers are needed."
                )
            own["schedulers"] = [
                called(one, optimizer, part) for one, part in zip(keywords["schedulers"], lengths, strict=True)
            ]
        if "t_in_epochs" in takes(getattr(self.scheduler, "func", self.scheduler)).keywords:  # timm's
            own["t_in_epochs"] = self.interval == "epoch"
        found = called(self.scheduler, optimizer, length, **own)
        name, scored = type(found).__name__, {*inspect.signature(found.step).parameters} - {"epoch"}
        plateau = getattr(found, "lr_scheduler", found)  # timm's holds torch's
        if isinstance(plateau, ReduceLROnPlateau) and not self.monitor:
            raise UserError(f"{name} looks at a score. Say which: scheduler.monitor=val/mean_iou.")
        if isinstance(plateau, ReduceLROnPlateau) and (wrong := wrong_way(str(self.monitor), plateau.mode)):
            raise UserError(f"scheduler.scheduler: {wrong}")
        if self.monitor and not scored:
            raise UserError(f"scheduler.monitor={self.monitor} has no use: {name} looks at no score. Set it to null.")
        return found


def has_length(scheduler: Any) -> bool:
    """Whether the rates to come go by the length of the training; a warm-up that is over no longer does."""
    if isinstance(scheduler, LinearLR) and scheduler.last_epoch >= scheduler.total_iters:
        return False
    parts = getattr(scheduler, "_schedulers", [])[bisect(getattr(scheduler, "_milestones", []), scheduler.last_epoch) :]
    return any(map(has_length, parts)) or any(hasattr(scheduler, name) for name in LENGTH)


def advance(scheduler: Any, metric: Any, *, steps: int, epochs: int) -> None:
    """Set the next rate: timm's schedulers are told how many steps or epochs are done, torch's count themselves."""
    if hasattr(scheduler, "step_update"):
        scheduler.step(epochs, metric)  # of the two, that does nothing which is not in the scheduler's unit
        scheduler.step_update(steps, metric)
    elif metric is None:
        scheduler.step()
    else:
        scheduler.step(metric)


def called(make: Callable[..., Any], optimizer: torch.optim.Optimizer, length: int, **own: Any) -> Any:
    """What a partial scheduler makes for an optimiser, with its length in calls. Raises UserError where it refuses."""
    given = getattr(make, "keywords", {})
    for group in optimizer.param_groups:
        group.setdefault("initial_lr", group["lr"])
    function = getattr(make, "func", make)
    taken = takes(function).keywords
    lengths = {name: length for name in LENGTH if name in taken and given.get(name) is None}
    for name in RATES:  # a single number is meant for optim.lr; groups keep their factors
        if isinstance(rate := given.get(name), int | float) and accepts(taken.get(name, Any), [rate]):
            own[name] = [rate * group["initial_lr"] / optimizer.defaults["lr"] for group in optimizer.param_groups]
    if given.get("epochs") is not None and given.get("steps_per_epoch") is not None:  # OneCycleLR's other way
        lengths.pop("total_steps", None)
    try:
        found = make(optimizer=optimizer, **lengths, **own)
    except Exception as error:  # what a library's constructor raises is its own
        name = getattr(function, "__name__", type(function).__name__)
        raise UserError(f"scheduler.scheduler: {name} cannot be built: {error}") from error
    if not hasattr(found, "step"):
        raise UserError(f"scheduler.scheduler builds {kind(found)}. It must be a scheduler, as torch's are.")
    return found
