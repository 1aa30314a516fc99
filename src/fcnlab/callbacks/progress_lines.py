"""Progress where there is no terminal: a line per epoch and validation, as in ``nohup``, SLURM, CI or ``> log``."""

import sys
import time
from collections.abc import Sequence
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Checkpoint

from fcnlab.cli.terminal import say
from fcnlab.optim.steps import training_steps

PAUSE = 30  # seconds without a line


def has_terminal() -> bool:
    """Whether a progress bar can be drawn."""
    return sys.stdout.isatty()


class ProgressLines(Checkpoint):
    """Print epoch, step, loss, the monitored score, images per second and the time left.

    The loss is the mean of the epoch in a line at its end, that of the step in a line before; the score stands where it
    is new.

    A ``Checkpoint`` because Lightning calls those after the task has logged its epoch.

    Args:
        monitor: the metric that is shown beside the loss.
    """

    def __init__(self, monitor: str) -> None:
        self.monitor = monitor
        self.images, self.began, self.first, self.shown = 0, 0.0, 0, 0.0

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock."""
        self.began = self.shown = time.monotonic()
        self.images, self.first = 0, stepped(trainer)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count images; in a long epoch say from time to time that it goes on."""
        self.images += len(batch["image"]) * trainer.world_size
        if time.monotonic() - self.shown > PAUSE:
            self.show(trainer, "loss", "train/loss")

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """A validation within an epoch has a line of its own; one at its end is told with the epoch."""
        if not trainer.sanity_checking and not trainer.fit_loop.epoch_loop.batch_progress.is_last_batch:
            self.show(trainer, "loss", "train/loss", self.monitor)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """One line per epoch."""
        self.show(trainer, "train/loss", "loss", self.monitor)

    def show(self, trainer: L.Trainer, loss: str, else_: str, *scores: str) -> None:
        """Print the line.

        Args:
            loss: the metric that is shown as loss, where the task logs it.
            else_: the one that is shown otherwise.
            scores: metrics that are shown where there are such.
        """
        self.shown = time.monotonic()
        seconds, step = self.shown - self.began, stepped(trainer)
        steps = step - self.first
        total = training_steps(trainer)
        epochs = f"/{trainer.max_epochs}" if trainer.max_epochs not in (None, -1) else ""
        parts = [f"epoch {trainer.current_epoch + 1}{epochs}", f"step {step}/{total:.0f}"]
        metrics = trainer.callback_metrics
        shown = {"loss": metrics.get(loss, metrics.get(else_)), **{score: metrics.get(score) for score in scores}}
        parts += [f"{name} {value.item():.4f}" for name, value in shown.items() if value is not None]
        parts.append(f"{self.images / max(seconds, 1e-9):.1f} images/s")
        if steps and total != float("inf"):
            parts.append(f"{as_time(seconds / steps * (total - step))} left")
        say("  ".join(parts))


class BatchLines(L.Callback):
    """Print how far a validation, a test or a prediction is, from time to time."""

    def __init__(self) -> None:
        self.began = self.shown = 0.0

    def begin(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock."""
        self.began = self.shown = time.monotonic()

    on_validation_start = on_predict_start = begin

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Say that it begins."""
        self.begin(trainer, pl_module)
        say(f"Testing on {counted(sum(map(int, trainer.num_test_batches)), 'batch')}.")

    def on_validation_batch_end(self, trainer: L.Trainer, *arguments: Any) -> None:
        """After a batch of validation."""
        self.show("validation", arguments[3] + 1, trainer.num_val_batches)

    def on_test_batch_end(self, trainer: L.Trainer, *arguments: Any) -> None:
        """After a batch of a test."""
        self.show("test", arguments[3] + 1, trainer.num_test_batches)

    def on_predict_batch_end(self, trainer: L.Trainer, *arguments: Any) -> None:
        """After a photo."""
        self.show("prediction", arguments[3] + 1, trainer.num_predict_batches)

    def show(self, what: str, done: int, batches: Sequence[int | float]) -> None:
        """Print a line if the last is some time ago."""
        now, total = time.monotonic(), sum(batches)
        if now - self.shown > PAUSE:
            self.shown = now
            say(f"{what} {done}/{total:.0f}  {as_time((now - self.began) / done * (total - done))} left")


def stepped(trainer: L.Trainer) -> int:
    """Steps of the training; Lightning's ``global_step`` counts each of several optimisers."""
    return trainer.global_step // max(1, len(trainer.optimizers))


def counted(number: int, thing: str) -> str:
    """``1 batch``, ``2 batches``."""
    return f"{number} {thing}{'' if number == 1 else 'es'}"


def as_time(seconds: float) -> str:
    """Seconds as hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
