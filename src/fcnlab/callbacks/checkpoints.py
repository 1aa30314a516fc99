"""What lets an interrupted run go on to the bit: last.ckpt, written at the right moments; and best.ckpt."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Checkpoint, ModelCheckpoint, WeightAveraging

from fcnlab.callbacks.monitored import refuse_unlogged
from fcnlab.callbacks.signals import Signals
from fcnlab.callbacks.time_limit import TimeLimit
from fcnlab.error import UserError
from fcnlab.optim.scheduler import has_length
from fcnlab.optim.steps import training_steps
from fcnlab.run.distributed import gather
from fcnlab.run.record import Stopped

PATHS = ("best_model_path", "kth_best_model_path")  # of a ModelCheckpoint's state


class LastCheckpoint(Checkpoint):
    """Keep ``last.ckpt``: after every epoch, every so many steps, and when a signal asks the run to end.

    Lightning's ModelCheckpoint also saves between the last batch of an epoch and its validation, from where Lightning
    skips that validation, and within an accumulation of gradients, which it does not keep.

    Args:
        every_n_steps: save so often within an epoch too.
        signals: say when to leave.
    """

    def __init__(
        self, file: Path, *, every_n_steps: int | None, signals: Signals, saved: Callable[[L.Trainer], None]
    ) -> None:
        self.file, self.every_n_steps, self.signals, self.saved = file, every_n_steps, signals, saved
        self.found: dict[str, Any] | None = None
        self.saved_step, self.due, self.in_validation, self.signalled, self.saved_once = 0, False, False, False, False

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Bring back the random state; from here on a signal waits for a step to end."""
        if self.found is not None:
            set_random_state(self.found["random"][trainer.global_rank], trainer.strategy.root_device)
            trainer.should_stop = trainer.should_stop or self.found["should_stop"]  # early stopping had its way
            refuse_other_length(trainer, self.found.get("steps"))
            self.found = None
        elif trainer.global_rank:
            torch.manual_seed(torch.initial_seed() + trainer.global_rank)  # a dropout mask of its own
        self.saved_step = trainer.global_step
        self.signals.patient = True

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save where it is due and the run can go on from here."""
        if not is_between_steps(trainer, batch_idx + 1):
            return
        steps, leave = trainer.global_step - self.saved_step, self.asked(trainer)
        if leave or self.due or (self.every_n_steps and steps >= self.every_n_steps):
            self.save(trainer)
        if leave:
            self.leave()

    def on_validation_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        """Do not let a signal wait for a long validation, of which all processes have equally many batches."""
        if self.signals.patient and not trainer.sanity_checking and self.asked(trainer):
            self.in_validation = True
            every: list[L.Callback] = getattr(trainer, "callbacks", [])
            averaging = [one for one in every if isinstance(one, WeightAveraging)]
            for one in averaging:  # in a validation the average stands for what learns
                one._swap_models(pl_module)
            self.save(trainer)
            for one in averaging:
                one._swap_models(pl_module)
            self.in_validation = False
            self.leave()

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save after every epoch."""
        with plateaus_seen(trainer):
            # Where steps are counted, Lightning goes on from an epoch's end as if in its middle.
            self.due = trainer.max_steps != -1 and trainer.global_step < trainer.max_steps
            if not self.due:
                self.save(trainer)
        # That the time is over takes nothing from a training that ends with this epoch anyway.
        last = trainer.should_stop or trainer.current_epoch + 1 == trainer.max_epochs
        if not self.due and self.asked(trainer) and (self.signalled or not last):
            self.leave()

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """A test is repeated, not resumed: signals need not wait."""
        if self.due:  # the epochs ended before the steps that were also counted: the end is scored all the same
            self.save(trainer)
        self.signals.patient = False

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """No loop looks any more."""
        self.signals.patient = False

    def asked(self, trainer: L.Trainer) -> bool:
        """Whether any process was asked to leave, or its time is over."""
        limits = [one for one in trainer.callbacks if isinstance(one, TimeLimit)]  # type: ignore[attr-defined]
        any_of = trainer.strategy.reduce_boolean_decision
        self.signalled = any_of(self.signals.received is not None, all=False)
        return self.signalled or (bool(limits) and any_of(any(one.is_over for one in limits), all=False))

    def leave(self) -> None:
        """End the process as the signal asks, or the training, whose time is over."""
        if not self.signalled:
            raise Stopped
        self.signals.leave()

    def save(self, trainer: L.Trainer) -> None:
        """Write last.ckpt."""
        trainer.save_checkpoint(self.file)
        if not self.saved_once and trainer.is_global_zero:
            refuse_objects(self.file)
        self.saved_once = True
        self.saved_step, self.due = trainer.global_step, False
        self.saved(trainer)

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Add the random state of every process, and whether training had come to its end."""
        state = {"random": gather(random_state(trainer.strategy.root_device)), "should_stop": trainer.should_stop}
        checkpoint["resume"] = state | {"steps": training_steps(trainer)}
        if self.in_validation:  # say that its first batch was begun: Lightning then goes through it again
            progress = checkpoint["loops"]["fit_loop"]["epoch_loop.val_loop.batch_progress"]
            for counts in (progress["total"], progress["current"]):
                counts |= {"ready": 1, "started": 1, "processed": 0, "completed": 0}

    def on_load_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Keep what was found until training starts: setting up draws random numbers."""
        self.found = checkpoint.get("resume")


class BestCheckpoint(ModelCheckpoint):
    """Keep ``best.ckpt`` by the monitored score of the validation."""

    def __init__(self, folder: Path, *, metric: str, mode: str) -> None:
        # Not at the epoch's end: by then another callback may have changed the weights that were validated.
        when: dict[str, Any] = {"save_on_train_epoch_end": False, "enable_version_counter": False}
        super().__init__(folder, "best", monitor=metric, mode=mode, **when)
        self.metric = metric

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Keep the best. Raises UserError where the task does not log what is monitored."""
        if not trainer.sanity_checking:
            refuse_unlogged("monitor.metric", self.metric, trainer, pl_module)
        super().on_validation_end(trainer, pl_module)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """A run folder that was moved knows its best score all the same; Lightning's goes by the path."""
        here, scores = f"{self.dirpath}/best.ckpt", list(state_dict["best_k_models"].values())
        moved = {"best_k_models": {here: scores[0]}, **dict.fromkeys(PATHS, here)} if scores else {}
        super().load_state_dict(state_dict | {"dirpath": self.dirpath} | moved)


def refuse_other_length(trainer: L.Trainer, steps: float | None) -> None:
    """Raise UserError where the schedule of the learning rate, brought back, is one over another number of steps.

    Behind its end a rate stays 0, or rises again.
    """
    by_length = any(has_length(one.scheduler) for one in trainer.lr_scheduler_configs)
    if by_length and steps not in (None, now := training_steps(trainer)):
        raise UserError(
            f"The learning rate in this checkpoint goes by a schedule over {steps} steps, but this training has {now}. "
            "Set epochs, data.batch_size, limits and devices as they were, or begin anew from its weights: weights=..."
        )


def refuse_objects(file: Path) -> None:
    """Raise UserError for a checkpoint that holds what no training would read again: it would be told after a crash."""
    if objects := torch.serialization.get_unsafe_globals_in_checkpoint(file):
        file.unlink()
        raise UserError(
            f"last.ckpt would hold {', '.join(sorted(objects))}, and could not be read again: a checkpoint holds "
            "tensors and plain values. Let state_dict of your callback, optimiser, scheduler or task give only such."
        )


@contextlib.contextmanager
def plateaus_seen(trainer: L.Trainer) -> Iterator[None]:
    """Let schedulers by a score see this epoch's before it is saved.

    Lightning asks them after its end; in the epoch in which it goes on from a checkpoint it never does.
    """
    schedulers = [one.scheduler for one in trainer.lr_scheduler_configs if one.reduce_on_plateau]
    groups = [group for optimizer in trainer.optimizers if schedulers for group in optimizer.param_groups]
    before = [dict(one.state_dict()) for one in schedulers], [group["lr"] for group in groups]
    if schedulers:
        trainer.fit_loop.epoch_loop.update_lr_schedulers("epoch", update_plateau_schedulers=True)
    yield
    if trainer.fit_loop.restarting:
        return
    for one, state in zip(schedulers, before[0], strict=True):
        one.load_state_dict(state)
    for group, rate in zip(groups, before[1], strict=True):
        group["lr"] = rate


def is_between_steps(trainer: L.Trainer, batches: int) -> bool:
    """Whether, after so many batches of the epoch, no gradient is half accumulated and the next thing is a batch."""
    if batches % trainer.accumulate_grad_batches or batches == trainer.num_training_batches:
        return False
    if trainer.should_stop or trainer.global_step == trainer.max_steps:
        return False  # the training ends here, and saves
    counted = trainer.fit_loop.total_batch_idx + 1 if trainer.check_val_every_n_epoch is None else batches
    return not trainer.val_check_batch or counted % trainer.val_check_batch != 0


def random_state(device: torch.device) -> dict[str, torch.Tensor]:
    """The state of torch's generators, of which dropout draws; all else is a function of (seed, epoch, position)."""
    state = {"cpu": torch.get_rng_state()}
    return state | ({"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {})


def set_random_state(state: dict[str, torch.Tensor], device: torch.device) -> None:
    """Set what ``random_state`` told."""
    torch.set_rng_state(state["cpu"].cpu())
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"].cpu(), device)
