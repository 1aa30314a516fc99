"""Signals in a test or a prediction: the process ends as a shell expects, and not as if all was well."""

import lightning as L

from fcnlab.callbacks.signals import Signals


class Listen(L.Callback):
    """Take the signals again after Lightning took them, which ends with exit code 0 on SIGTERM and 1 on Ctrl-C.

    Args:
        signals: within whose context the loop runs.
    """

    def __init__(self, signals: Signals) -> None:
        self.signals = signals

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """In ``evaluate``."""
        self.signals.listen()

    def on_predict_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """In ``predict``."""
        self.signals.listen()
