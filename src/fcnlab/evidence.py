"""What a training and a test leave behind: the history of scores, counts per test image, pictures."""

import csv
import io
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import PIL.Image
import torch
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.loggers import WandbLogger

from fcnlab.data.datamodule import PADDING, VOID, Batch, SegmentationData
from fcnlab.distributed import gather
from fcnlab.error import UserError
from fcnlab.picture import colour_mask, index_image, overlay, panel
from fcnlab.whole import write_whole


class History(Checkpoint):
    """Keep a row of scores per epoch, and per validation in mid-epoch, in ``history.csv``, whatever the logger.

    The rows live in checkpoints. A ``Checkpoint`` because Lightning calls those after the task has logged its epoch.
    """

    def __init__(self, file: Path) -> None:
        self.file, self.rows = file, list[dict[str, float]]()

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
            rate = trainer.optimizers[0].param_groups[0]["lr"]
            self.rows.append({"epoch": trainer.current_epoch, "step": trainer.global_step, "lr": rate})
        self.rows[-1] |= {k: v.item() for k, v in trainer.callback_metrics.items() if k.startswith(split)}
        if trainer.is_global_zero:
            table = io.StringIO()
            writer = csv.DictWriter(table, fieldnames=list(dict.fromkeys(k for row in self.rows for k in row)))
            writer.writeheader()
            writer.writerows(self.rows)
            write_whole(self.file, table.getvalue())

    def state_dict(self) -> dict[str, Any]:
        """Kept in every checkpoint."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint's rows."""
        self.rows = list(state_dict["rows"])


class Evidence(L.Callback):
    """Keep ``counts.npz`` and, for the first few test images, ``predictions/NAME.png`` and ``NAME_panel.png``.

    Args:
        folder: where they go.
        data: gives the images and their truth.
        pictures: how many test images are drawn.
        write: takes facts for the run's record, here ``seconds_per_image``.
    """

    def __init__(
        self, folder: Path, data: SegmentationData, pictures: int = 16, write: Callable[..., None] | None = None
    ) -> None:
        self.folder, self.data, self.pictures, self.write = folder, data, pictures, write
        self.names: list[str] = []
        self.counts: list[torch.Tensor] = []
        self.times: list[tuple[float, int]] = []
        self.drawn: dict[str, Any] = {}

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Forget an earlier test."""
        self.names, self.counts, self.times, self.drawn = [], [], [], {}
        self.places = {name: i for i, name in enumerate(self.data.names(self.data.test_split))}

    def on_test_batch_start(self, *_: Any) -> None:
        """Start the clock when the batch is on the device."""
        self.started = now()

    def on_test_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep a batch's time and counts, and its predictions if they are among the first."""
        if PADDING in batch["name"]:
            return
        self.times.append((now() - self.started, len(batch["name"])))
        self.names += batch["name"]
        self.counts.append(outputs["counts"].cpu())
        for name, prediction in zip(batch["name"], outputs["prediction"], strict=True):
            if self.places[name] < self.pictures:
                self.drawn[name] = prediction.cpu().numpy().astype(np.uint8)

    def draw(self, name: str, prediction: Any) -> None:
        """Write the predicted labels as a palette PNG, and image, truth and prediction side by side."""
        (self.folder / "predictions").mkdir(parents=True, exist_ok=True)
        image, truth = self.data.read(self.data.test_split, self.places[name])
        index_image(prediction, self.data.palette).save(self.folder / "predictions" / f"{name}.png")
        side_by_side = panel(image, truth, prediction, palette=self.data.palette)
        PIL.Image.fromarray(side_by_side).save(self.folder / "predictions" / f"{name}_panel.png")

    def on_test_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write true positive, predicted and true pixels, (images, classes) each, in the data set's order; draw."""
        shares = gather((self.names, self.counts, self.drawn))
        if not trainer.is_global_zero:
            return
        for _, _, drawn in shares:
            for name, prediction in drawn.items():
                self.draw(name, prediction)
        names = [name for share, _, _ in shares for name in share]
        counts = torch.cat([batch for _, share, _ in shares for batch in share])  # (images, C, C), truth by prediction
        order = np.argsort([self.places[name] for name in names])
        arrays: dict[str, Any] = {
            "true_positive": counts.diagonal(dim1=1, dim2=2).numpy()[order],
            "predicted": counts.sum(1).numpy()[order],
            "true": counts.sum(2).numpy()[order],
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(self.folder / "counts.npz", names=np.array(names)[order], **arrays)
        if self.write:
            self.write(seconds_per_image=self.seconds_per_image())

    def seconds_per_image(self) -> float | None:
        """From image to scored prediction, without reading and drawing, and without the first batch, which warms up."""
        seconds, images = (sum(values) for values in zip(*self.times[1:], strict=True)) if self.times[1:] else (0, 0)
        return seconds / images if images else None


def now() -> float:
    """Seconds, read when the device has done all it was asked to do."""
    if torch.accelerator.is_available():
        torch.accelerator.synchronize()
    return time.perf_counter()


class ValidationPictures(L.Callback):
    """Show the first validation images with their predicted and true masks in W&B, after every validation.

    Args:
        data: gives the images.
        pictures: how many are shown.
    """

    def __init__(self, data: SegmentationData, pictures: int = 4) -> None:
        self.data, self.pictures = data, pictures

    def on_validation_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Log a batch's images that are among the first; only W&B draws masks over images."""
        if not isinstance(trainer.logger, WandbLogger) or not trainer.is_global_zero:
            return
        first = list(self.data.names("val")[: self.pictures])
        labels = dict(enumerate(self.data.class_names)) | {VOID: "void"}
        for place, name in enumerate(batch["name"]):
            if name in first:
                masks = {"prediction": outputs["prediction"][place], "truth": batch["mask"][place]}
                drawn = {
                    key: {"mask_data": mask.cpu().numpy().astype(np.uint8), "class_labels": labels}
                    for key, mask in masks.items()
                }
                image, _ = self.data.read("val", first.index(name))
                trainer.logger.log_image(f"val/{name}", [image], masks=[drawn])


class MaskWriter(L.Callback):
    """Write every predicted mask as index PNG, in colour, and laid over its photo.

    Args:
        folder: where they go; made if need be.
        palette: one RGB colour per class.
    """

    def __init__(self, folder: Path, palette: list[list[int]]) -> None:
        self.folder, self.palette, self.written = folder, palette, list[Path]()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / ".try").touch()
            (folder / ".try").unlink()
        except OSError as error:
            raise UserError(
                f"Cannot write to output={folder}: {error}. Set output=... to a folder of yours."
            ) from error

    def on_predict_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Write one photo's pictures."""
        mask, photo, (name,) = outputs[0].cpu().numpy().astype(np.uint8), np.asarray(batch["photo"]), batch["name"]
        index, colour, over = self.places(name)
        index_image(mask, self.palette).save(index)
        PIL.Image.fromarray(colour_mask(mask, self.palette)).save(colour)
        PIL.Image.fromarray(overlay(photo, mask, self.palette)).save(over)
        self.written.append(index)

    def places(self, name: str) -> list[Path]:
        """Where a photo's pictures go: labels, colours, overlay."""
        return [self.folder / f"{name}{kind}.png" for kind in ("", "_colour", "_overlay")]

    def refuse_overwriting(self, photos: Sequence[Path]) -> None:
        """Raise UserError if a picture would take the place of a photo or of another picture; nothing is written."""
        own, taken = {photo.resolve(): photo for photo in photos}, dict[Path, Path]()
        for photo in photos:
            for place in self.places(photo.stem):
                if lost := own.get(place.resolve()) or taken.get(place):
                    raise UserError(
                        f"{place}, written for {photo}, would overwrite {lost} or what is written for it. Nothing was "
                        "written. Set output=... to another folder, or rename one of the two."
                    )
                taken[place] = photo
