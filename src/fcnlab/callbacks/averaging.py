"""Stochastic weight averaging (Izmailov et al. 2018), validated, tested and kept in ``best.ckpt`` like any weights."""

from typing import Any

import lightning as L
from lightning.pytorch.callbacks import WeightAveraging

from fcnlab.error import UserError
from fcnlab.optim.steps import training_steps


class EqualWeightAveraging(WeightAveraging):
    """The mean of the weights, batch norm's statistics included, after every step of a training's last part.

    Before that part the average is the weights themselves. Lightning's StochasticWeightAveraging puts its average in
    after the last checkpoint is written.

    Args:
        start: the share of the training after which averaging begins.
        more: of Lightning's WeightAveraging.
    """

    def __init__(self, *, start: float = 0.75, **more: Any) -> None:
        if not 0 <= start < 1:
            raise UserError(f"callbacks: start={start} is a share of the training: from 0 to below 1.")
        super().__init__(**more)
        self.start, self.first = start, 0

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Work out the first step that counts."""
        self.first = int(self.start * training_steps(trainer))

    def should_update(self, step_idx: int | None = None, epoch_idx: int | None = None) -> bool:
        """After every step; as long as none counts, the next one begins the average anew."""
        if step_idx is not None and step_idx <= self.first and self._average_model is not None:
            self._average_model.n_averaged.zero_()
        return step_idx is not None
