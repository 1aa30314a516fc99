"""What a test leaves behind: counts per image and class, and the predictions of the first images."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import PIL.Image
import torch

from fcnlab.cli.terminal import say
from fcnlab.data.datamodule import PADDING, Batch, SegmentationData
from fcnlab.metric.paper import KINDS
from fcnlab.run.distributed import gather
from fcnlab.run.files import fitting, write_png
from fcnlab.visualize import index_image, panel


class ImageResults(L.Callback):
    """Keep ``counts.npz`` and, for the first few test images, ``predictions/NAME.png`` and ``NAME_panel.png``.

    Args:
        write: takes facts for the run's record, here ``seconds_per_image``.
    """

    def __init__(
        self, folder: Path, data: SegmentationData, drawn_images: int = 16, write: Callable[..., None] | None = None
    ) -> None:
        self.folder, self.data, self.drawn_images, self.write = folder, data, drawn_images, write
        self.names: list[str] = []
        self.counts: list[torch.Tensor] = []
        self.times: list[tuple[float, int]] = []
        self.drawn: dict[str, Any] = {}

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Forget an earlier test."""
        self.names, self.counts, self.times, self.drawn = [], [], [], {}
        self.positions = {name: i for i, name in enumerate(self.data.names(self.data.test_split))}

    def on_test_batch_start(self, *_: Any) -> None:
        """Start the clock when the batch is on the device."""
        self.started = now()

    def on_test_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Batch, *_: Any
    ) -> None:
        """Keep a batch's time and counts, and its predictions if they are among the first."""
        if PADDING in batch["name"]:
            return
        self.times.append((now() - self.started, len(batch["name"])))
        if not isinstance(outputs, Mapping) or not {"counts", "prediction"} <= outputs.keys():
            return  # a task of one's own that does not tell them
        self.names += batch["name"]
        self.counts.append(outputs["counts"].cpu())
        for name, prediction in zip(batch["name"], outputs["prediction"], strict=True):
            taken = f"{name}_panel" in self.positions  # by an image of that name
            if self.positions[name] < self.drawn_images and not taken:
                self.drawn[name] = prediction.cpu().numpy().astype(np.uint8)

    def draw(self, name: str, prediction: Any) -> None:
        """Write the predicted labels as a palette PNG, and image, truth and prediction side by side."""
        labels, drawn = (self.folder / "predictions" / fitting(name, suffix) for suffix in (".png", "_panel.png"))
        labels.parent.mkdir(parents=True, exist_ok=True)  # a name may hold folders: COCO's images do
        image, truth = self.data.read(self.data.test_split, self.positions[name])
        write_png(labels, index_image(prediction, self.data.palette))
        write_png(drawn, PIL.Image.fromarray(panel(image, truth, prediction, palette=self.data.palette)))

    def on_test_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write true positive, predicted and true pixels, (images, classes) each, in the data set's order; draw."""
        shares = gather((self.names, self.counts, self.drawn))
        if not trainer.is_global_zero:
            return
        for _, _, drawn in shares:
            for name, prediction in drawn.items():
                self.draw(name, prediction)
        names = [name for share, _, _ in shares for name in share]
        if not names:
            say("No counts per image and no predictions: test_step of this task returns neither (see conf/README.md).")
            return
        counts = torch.cat([batch for _, share, _ in shares for batch in share], dim=1).numpy()  # (3, images, C)
        order = np.argsort([self.positions[name] for name in names])
        arrays: dict[str, Any] = {kind: count[order] for kind, count in zip(KINDS, counts, strict=True)}
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
