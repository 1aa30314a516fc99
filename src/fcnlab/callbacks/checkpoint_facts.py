"""A checkpoint is whole: with its config and the facts of its data, ``evaluate`` and ``predict`` need nothing else."""

from collections.abc import Collection
from typing import Any

import lightning as L

from fcnlab.cli.terminal import say
from fcnlab.model.checkpoint import FORMAT


class CheckpointFacts(L.Callback):
    """Add config and facts to every checkpoint, whatever the task.

    Args:
        config: the run's config in plain Python.
        facts: class names, palette and normalisation of the data (``SegmentationData.facts``).
    """

    def __init__(self, config: dict[str, Any], facts: dict[str, Any]) -> None:
        self.content = {"format": FORMAT, "config": config, **facts}
        self.told = False

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Called for every checkpoint before it is written."""
        checkpoint["fcnlab"] = self.content
        if trainer.world_size == 1 and not self.told:
            self.tell_what_is_left_out(pl_module.state_dict().keys() - checkpoint["state_dict"].keys())

    def tell_what_is_left_out(self, names: Collection[str]) -> None:
        """Tell once what a person's callback took out of a checkpoint, as Lightning's ModelPruning does its masks."""
        if names:
            self.told = True
            say(
                f"A callback leaves {len(names)} tensors of the net out of every checkpoint ({min(names)}, ...). If "
                "this run is interrupted, it goes on without them, as another training would."
            )
