"""A checkpoint's file: written aside and renamed, so that a power cut leaves the one before it."""

import os
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from fcnlab.error import UserError

BEST = "best.ckpt"
KEPT = ("epoch", "global_step", "pytorch-lightning_version", "state_dict", "fcnlab")  # in best.ckpt


class AtomicCheckpointIO(TorchCheckpointIO):
    """Write a checkpoint aside, in its own folder, and rename it, so that there is always a whole one.

    ``best.ckpt`` keeps weights and facts only, the weights as callbacks changed them for the checkpoint: by
    Lightning's ``save_weights_only`` the weights that EMA validated would not be those that are kept.

    Lightning's own writes to the system's temporary folder and moves; between two file systems that is a copy, which a
    power cut may halve.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Raises UserError where the file cannot be written; the one before it stays."""
        path = Path(path)
        aside = path.with_name(f".{path.name}.aside")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.name == BEST:
                checkpoint = {key: value for key, value in checkpoint.items() if key in KEPT}
            with aside.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(path)
        except (OSError, RuntimeError) as error:  # torch's writer makes RuntimeErrors of some OSErrors
            aside.unlink(missing_ok=True)
            told = error.__context__ if isinstance(error.__context__, OSError) else error  # the disk's own words
            raise UserError(
                f"Cannot write {path}: {str(told).splitlines()[0]}. The checkpoint before it, if any, is whole. Make "
                "room (or set runs_dir=...) and type the same command again: it goes on from there."
            ) from error
