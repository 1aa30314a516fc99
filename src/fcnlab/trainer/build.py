"""Assemble the Trainer: precision, callbacks, plugins."""

import atexit
import contextlib
import logging
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import lightning as L
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, ProgressBar, RichProgressBar
from lightning.pytorch.loggers import Logger
from lightning.pytorch.profilers import PyTorchProfiler
from lightning.pytorch.utilities.model_helpers import is_overridden
from torch.optim.lr_scheduler import LRScheduler

from fcnlab.callbacks.checkpoint_file import AtomicCheckpointIO
from fcnlab.callbacks.progress_lines import BatchLines, has_terminal
from fcnlab.callbacks.time_limit import TimeLimit
from fcnlab.cli.compose import build
from fcnlab.cli.explain import is_of_machine
from fcnlab.cli.signature import is_own
from fcnlab.cli.terminal import say
from fcnlab.data.loading import usable_cores
from fcnlab.error import UserError, one_line, raised
from fcnlab.run.distributed import leave_group
from fcnlab.trainer.allocator import bound_primitives, keep_freed_memory
from fcnlab.trainer.environment import NOWHERE, environment
from fcnlab.trainer.precision import on_gpu, resolve_precision

PARTS = (L.LightningModule, Callback, Logger, torch.optim.Optimizer, LRScheduler)
EXPECTED_WARNINGS = (
    "does not have many workers",  # data.num_workers=auto chose them
    "isinstance.treespec, LeafSpec",  # lightning 2.6 beside torch 2.14
    "requested to overfit but enabled train dataloader shuffling",  # trainer=overfit means one batch, always the same
    "srun. command is available on your system but is not used",  # one process here is what was asked for
    "is smaller than the logging interval",  # history.csv has the epochs; loggers get fewer steps
    "exists and is not empty",  # a run that goes on finds its checkpoints
    "your dataloader is not resumable",  # it is: data.datamodule begins where the checkpoint stands
    "sync_dist=True",  # torchmetrics has summed the scores over all processes
    "using the WeightAveraging callback",  # a test loads the averaged weights, and averages no more
    "infer the `batch_size` from an ambiguous collection",  # it finds that of the images
    "called before the ``update`` method",  # a process or the rest of an epoch without a batch of its own
)


def build_trainer(settings: dict[str, Any], **given: Any) -> L.Trainer:
    """A Trainer from the keys of conf/trainer; ``precision: auto`` is resolved for the device at hand."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)  # its hints are not about this run
    for message in EXPECTED_WARNINGS:
        warnings.filterwarnings("ignore", f".*{message}.*")
    if not on_gpu(settings["accelerator"]):
        limit = max(8, usable_cores())  # a few more than there are cores: to try whether it works
        if isinstance(devices := settings["devices"], int) and devices > limit:
            raise UserError(f"trainer.devices={devices} starts so many processes on CPUs. Set {limit} or fewer.")
        keep_freed_memory()
        bound_primitives()
        atexit.register(leave_group)  # of NCCL's group Lightning takes care
    settings = {k: build(v) if isinstance(v, Mapping) and "_target_" in v else v for k, v in settings.items()}
    settings = settings | {"precision": resolve_precision(settings["precision"], settings["accelerator"])}
    given["callbacks"], bar = progress_bars(given.get("callbacks", []), wanted=settings["enable_progress_bar"])
    settings["enable_progress_bar"] = bool(bar)
    if (time := settings.pop("max_time")) is not None:
        given["callbacks"] = [*given["callbacks"], time_limit(time)]
    if settings["profiler"] == "pytorch":
        settings["profiler"] = PyTorchProfiler(dirpath="profile")
    callbacks = [*given.pop("callbacks", []), *bar, *([] if bar else [BatchLines()])]
    if settings["sync_batchnorm"] and not on_gpu(settings["accelerator"]):
        say("trainer.sync_batchnorm: torch has it for GPUs only; each process normalises by its own images.")
        settings["sync_batchnorm"] = False
    given |= {"callbacks": callbacks, "plugins": [AtomicCheckpointIO(), environment(settings)]}
    given |= {"default_root_dir": NOWHERE}
    # Lightning leaves these two as the job before set them where a setting is null.
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.benchmark = False
    try:
        # Our samplers share out the images themselves: Lightning's would repeat some.
        return L.Trainer(**settings, use_distributed_sampler=False, **given)
    except (ValueError, TypeError, ImportError, MisconfigurationException) as error:
        raise UserError(f"The Trainer refuses trainer=...: {error} See conf/trainer/default.yaml.") from error
    except RuntimeError as error:
        raise UserError(f"The Trainer refuses its callbacks: {error}") from error


def progress_bars(callbacks: Sequence[Callback], *, wanted: bool) -> tuple[list[Callback], list[Callback]]:
    """The other callbacks, and the progress bar: a person's own, or ours; none without a terminal.

    Raises:
        UserError: several, or one where none is wanted.
    """
    own: list[Callback] = [one for one in callbacks if isinstance(one, ProgressBar)]
    names = ", ".join(type(one).__name__ for one in own)
    if own and not wanted:
        raise UserError(f"callbacks has a {names}, but trainer.enable_progress_bar=false. Take one of them back.")
    if len(own) > 1:
        raise UserError(f"callbacks has several progress bars: {names}. Take one.")
    others = [one for one in callbacks if not isinstance(one, ProgressBar)]
    shown: list[Callback] = [*own] or [Progress()]
    return others, shown if wanted and has_terminal() else []


def need_step(task: L.LightningModule, step: str) -> None:
    """Raise UserError where a task of one's own does not do what is asked of it."""
    if not is_overridden(step, task):
        raise UserError(f"A {type(task).__name__} has no {step}, which this command calls. Write it.")


def does(task: L.LightningModule, step: str) -> bool:
    """Whether a task has a step; a line says what is left out where it has none."""
    if not (found := is_overridden(step, task)):
        left_out = "no test scores" if step == "test_step" else "no validation scores, and last.ckpt is what is tested"
        say(f"A {type(task).__name__} has no {step}: there are {left_out}.")
    return found


@contextlib.contextmanager
def refusals() -> Iterator[None]:
    """Around a training or test: told are what Lightning refuses, a loading process that ends, a failing part."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if is_of_machine(error):
            raise
        told = one_line(error)
        *_, (frame, _) = traceback.walk_tb(error.__traceback__)
        raised_in = str(frame.f_globals.get("__name__")).partition(".")[0]
        if isinstance(error, MisconfigurationException) or raised_in == "lightning":
            raise UserError(f"Lightning refuses: {told}.") from error
        if isinstance(error, RuntimeError) and "DataLoader worker" in told:
            raise UserError(
                f"A loading process ended before its work was done: {told}. Mostly the system "
                "ended it, for want of memory: set fewer data.num_workers, or a smaller data.batch_size. "
                "data.num_workers=0 shows an error of reading itself. What was saved before is whole."
            ) from error
        if isinstance(error, RuntimeError) and "DataLoader timed out" in told:
            raise UserError(
                f"{told}: a loading process hangs. Is the disk or network behind data.root alive? What was saved "
                "before is whole; data.num_workers=0 shows where it waits."
            ) from error
        if part := part_that_failed(error):
            raise UserError(f"{part}: {raised(error)}. trace=true shows the stack.") from error
        raise


def part_that_failed(error: Exception) -> str:
    """The callback, logger, optimiser, scheduler or task within which an error was raised; empty where it is ours."""
    part = ""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_globals.get("__name__") == "torch.autograd":
            return "The backward pass of the loss fails"
        one = frame.f_locals.get("self")
        if isinstance(one, PARTS) and frame.f_code.co_name != "__getattr__":
            own = is_own(type(one))
            part = "" if own else f"{type(one).__name__} of {type(one).__module__} fails in {frame.f_code.co_name}"
    return part


def time_limit(duration: Any) -> TimeLimit:
    """``trainer.max_time`` as a callback. Raises UserError where it is no time."""
    try:
        limit = TimeLimit(duration)
        if (limit.time_remaining() or 0) <= 0:
            raise ValueError(f"{duration} is over at once")
        return limit
    except (MisconfigurationException, TypeError, ValueError) as error:
        raise UserError(
            f"trainer.max_time={duration} is no time. Write days, hours, minutes and seconds: 00:11:30:00."
        ) from error


class Progress(RichProgressBar):
    """Lightning's progress bar without the logger's version number, so that it fits a line."""

    def get_metrics(self, *arguments: Any) -> dict[str, Any]:
        """Loss and mean IU."""
        return {k: v for k, v in super().get_metrics(*arguments).items() if k != "v_num"}
