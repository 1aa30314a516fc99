"""Validation images with their predicted and true masks, in the loggers that show images."""

from collections.abc import Mapping
from typing import Any

import cv2
import lightning as L
import numpy as np

from fcnlab.data.datamodule import VOID, Batch, SegmentationData
from fcnlab.data.transforms import Image, Mask
from fcnlab.run.files import fitting
from fcnlab.visualize import panel, visible

ROOM = 120  # bytes of a name: W&B adds split, step and a hash, and keeps masks by their own names
LARGEST = 400  # pixels a side of what is shown


class ValidationImages(L.Callback):
    """Show the first few validation images with their predicted and true masks after every validation."""

    def __init__(self, data: SegmentationData, shown: int = 4) -> None:
        self.data, self.shown = data, shown

    def on_validation_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Batch, *_: Any
    ) -> None:
        """Log a batch's images that are among the first."""
        if trainer.sanity_checking or not trainer.is_global_zero:
            return
        if not isinstance(outputs, Mapping) or "prediction" not in outputs:
            return
        first = list(self.data.names("val")[: self.shown])
        for index, name in enumerate(batch["name"]):
            if name in first:
                image = self.data.read("val", first.index(name))[0]
                masks = [outputs["prediction"][index], batch["mask"][index]]
                small = [
                    shrink(visible(image)),
                    *(shrink(mask.cpu().numpy().astype(np.uint8), nearest=True) for mask in masks),
                ]
                for logger in trainer.loggers:
                    self.log_image(logger, f"val/{fitting(name, room=ROOM)}", *small, step=trainer.global_step)

    def log_image(self, logger: Any, key: str, image: Image, prediction: Mask, truth: Mask, *, step: int) -> None:
        """Show one image in the way that the logger has; loggers that show none are left out."""
        if hasattr(logger, "log_image"):  # W&B draws masks over images
            labels = dict(enumerate(self.data.class_names)) | {VOID: "void"}
            masks = {"prediction": prediction, "truth": truth}
            drawn = {name: {"mask_data": mask, "class_labels": labels} for name, mask in masks.items()}
            logger.log_image(key, [image], step=step, masks=[drawn], file_type=["jpg"])
        elif hasattr(getattr(logger, "experiment", None), "add_image"):  # TensorBoard
            side_by_side = panel(image, truth, prediction, palette=self.data.palette)
            logger.experiment.add_image(key, side_by_side, step, dataformats="HWC")


def shrink(array: Image, nearest: bool = False) -> Image:
    """An image or mask with at most ``LARGEST`` pixels a side: a logger keeps every one that it is given."""
    scale = LARGEST / max(array.shape[:2])
    if scale >= 1:
        return array
    size = (max(1, round(array.shape[1] * scale)), max(1, round(array.shape[0] * scale)))
    return np.asarray(cv2.resize(array, size, interpolation=cv2.INTER_NEAREST if nearest else cv2.INTER_AREA))
