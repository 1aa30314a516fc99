"""A checkpoint is whole: with its config and the facts of its data, ``evaluate`` and ``predict`` need nothing else."""

from typing import Any

import lightning as L

from fcnlab.model.checkpoint import FORMAT


class CheckpointFacts(L.Callback):
    """Add config and facts to every checkpoint, whatever the task.

    Args:
        config: the run's config in plain Python.
        facts: class names, palette and normalisation of the data (``SegmentationData.facts``).
    """

    def __init__(self, config: dict[str, Any], facts: dict[str, Any]) -> None:
        self.content = {"format": FORMAT, "config": config, **facts}

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Called for every checkpoint before it is written."""
        checkpoint["fcnlab"] = self.content
