"""Signals in training, test and prediction reach ours, and the processes that were started end with their first."""

import signal

import lightning as L

from fcnlab.callbacks.signals import Signals


class Listen(L.Callback):
    """Take the signals again after Lightning took them, and end the processes that this one started.

    Lightning answers SIGTERM by a broadcast that waits for all processes, also where one alone was asked to end.

    Args:
        signals: within whose context the loop runs.
    """

    def __init__(self, signals: Signals) -> None:
        self.signals = signals

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """In a training."""
        self.signals.listen()

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """In a test."""
        self.signals.listen()

    def on_predict_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """In a prediction."""
        self.signals.listen()

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """The others neither wait for this process for ever, nor go on to label and write without it.

        A training that was asked to end is left by all of them after the same step.
        """
        if (launcher := trainer.strategy.launcher) is None:
            return
        if isinstance(exception, Exception):
            launcher.kill(signal.SIGKILL)  # they may wait within a collective, where no handler runs
        elif not self.signals.patient:
            launcher.kill(signal.SIGTERM)
