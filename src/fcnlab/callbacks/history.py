"""The history of scores: ``history.csv``, whatever the logger."""

import csv
import io
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Checkpoint

from fcnlab.run.files import write_atomic


class History(Checkpoint):
    """Keep a row of scores per epoch, and per validation in mid-epoch, in ``history.csv``, whatever the logger.

    The rows live in checkpoints. A ``Checkpoint`` because Lightning calls those after the task has logged its epoch.

    Args:
        monitor: the monitored score, kept too where it is not called ``val/...``.
    """

    def __init__(self, file: Path, monitor: str) -> None:
        self.file, self.monitor, self.rows = file, monitor, list[dict[str, float]]()

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Add the scores of a validation."""
        if not trainer.sanity_checking:
            self.add(trainer, "val/")

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Add the scores of an epoch of training, to the row of its last validation if that was now."""
        self.add(trainer, "train/")

    def add(self, trainer: L.Trainer, split: str) -> None:
        """Add scores to the row of this step: epoch, step, rate and what was measured here. Older ones stay out."""
        if not self.rows or self.rows[-1]["step"] != trainer.global_step:
            groups = trainer.optimizers[0].param_groups if trainer.optimizers else []  # none where nothing learns
            rate = groups[0]["lr"] if groups else 0.0
            self.rows.append({"epoch": trainer.current_epoch, "step": trainer.global_step, "lr": rate})
        found = {k: v.item() for k, v in trainer.callback_metrics.items() if k.startswith(split)}
        if split == "val/" and self.monitor in trainer.callback_metrics:  # by whatever name a task of one's own logs it
            found[self.monitor] = trainer.callback_metrics[self.monitor].item()
        self.rows[-1] |= found
        if trainer.is_global_zero:
            table = io.StringIO()
            writer = csv.DictWriter(table, fieldnames=list(dict.fromkeys(k for row in self.rows for k in row)))
            writer.writeheader()
            writer.writerows(self.rows)
            write_atomic(self.file, table.getvalue())

    def state_dict(self) -> dict[str, Any]:
        """Kept in every checkpoint."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint's rows."""
        self.rows = list(state_dict["rows"])
