"""Optimisers that learn with other weights than those that are scored: schedule-free ones (Defazio et al. 2024)."""

from typing import Any

import lightning as L


class OptimizerModes(L.Callback):
    """Call an optimiser's method ``train`` before it learns and ``eval`` before a validation, where it has both.

    So ``best.ckpt`` holds the weights that were validated. ``last.ckpt`` may hold either: the optimiser's state tells
    which, and a run goes on to the bit.
    """

    def on_train_batch_start(self, trainer: L.Trainer, *_: Any) -> None:
        """From the weights that are scored to those that learn."""
        call_all(trainer, "train")

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """And back."""
        call_all(trainer, "eval")


def call_all(trainer: L.Trainer, mode: str) -> None:
    """Call this method of every optimiser that has both."""
    for optimizer in trainer.optimizers:
        if callable(getattr(optimizer, "train", None)) and callable(getattr(optimizer, "eval", None)):
            getattr(optimizer, mode)()
