"""Why a training ended: in the record and in the terminal."""

import signal
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import EarlyStopping

from fcnlab.cli.terminal import say
from fcnlab.run.record import Run, Stopped


class Ending(L.Callback):
    """Write ``ended`` into the record: all epochs or steps, early stopping, time, a signal, an error; and where."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """The training came to an end of its own."""
        stopping = [one for one in trainer.callbacks if isinstance(one, EarlyStopping)]  # type: ignore[attr-defined]
        steps = trainer.max_steps != -1 and trainer.global_step >= trainer.max_steps
        if trainer.should_stop and stopping:
            ended = f"early_stopping at {where(trainer)}"
            say(f"Early stopping ended the training at {where(trainer)}.")
        elif steps:
            ended = f"all {trainer.max_steps} steps"
        elif trainer.should_stop:
            ended = f"stopped by a callback at {where(trainer)}"
            say(f"The training was {ended}.")
        else:
            ended = f"all {trainer.max_epochs} epochs"
        self.tell(trainer, ended)

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Nothing was left to train of a run whose test alone is done again: its training ended as it did."""
        if "ended" not in self.run.record and self.run.ended_before:
            self.tell(trainer, self.run.ended_before.partition(";")[0])

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """The training, or its test, was cut short."""
        reason = type(exception).__name__
        if isinstance(exception, Stopped):
            reason = "max_time"
        elif isinstance(exception, SystemExit) and isinstance(exception.code, int) and exception.code > 128:
            reason = signal.Signals(exception.code - 128).name
        trained = self.run.record.get("ended", "not trained")
        self.tell(trainer, f"{trained}; {reason} in the test" if trainer.testing else f"{reason} at {where(trainer)}")

    def tell(self, trainer: L.Trainer, ended: str) -> None:
        """Into the record, by the first process."""
        if trainer.is_global_zero:
            self.run.write(ended=ended)


def where(trainer: L.Trainer) -> str:
    """``epoch 3 of 20``, counted from 1, or ``step 70 of 200`` where steps are counted."""
    if trainer.max_epochs in (None, -1):
        return f"step {trainer.global_step} of {trainer.max_steps}"
    epochs: Any = trainer.fit_loop.epoch_progress.current
    return f"epoch {max(1, epochs.started)} of {trainer.max_epochs}"
