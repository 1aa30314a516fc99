"""The LightningModule: forward, loss, scores, log; what every FCN shares."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import nn
from torchmetrics import MeanMetric, Metric

from fcnlab.checkpoint import FORMAT, INPUT, load_checkpoint
from fcnlab.compose import build
from fcnlab.data.datamodule import PADDING, Batch
from fcnlab.data.photos import photo_batch
from fcnlab.data.transforms import Image, Mask, Pipeline
from fcnlab.distributed import is_distributed, number_of_processes, sum_over_processes
from fcnlab.error import UserError
from fcnlab.loss import CrossEntropy
from fcnlab.metric import MeanLoss, SegmentationScores, most_likely
from fcnlab.model.fcn import FCN
from fcnlab.optim import Optim
from fcnlab.pieces import label_at_size, label_in_pieces
from fcnlab.strips import StripCrossEntropy
from fcnlab.watch import refuse_weights_without_numbers


class SegmentationTask(L.LightningModule):
    """Train and score a net that maps image (N, 3, H, W) to logits (N, C, H, W).

    Args:
        net, loss, optim: what learns, what it minimises, how (None: it does not).
        facts: class names, palette and normalisation of the data (``SegmentationData.facts``).
        config: the run's config in plain Python; with ``facts`` it makes a checkpoint whole.
        channels_last: memory order of the net and its input.
    """

    def __init__(
        self,
        *,
        net: nn.Module,
        loss: CrossEntropy,
        optim: Optim | None,
        facts: dict[str, Any],
        config: dict[str, Any],
        channels_last: bool = False,
    ) -> None:
        super().__init__()
        if optim is not None:
            optim.check_reduction(loss.reduction)
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.net = net.to(memory_format=self.memory_format)
        self.loss, self.optim, self.facts, self.config = loss, optim, facts, config
        self.piece: int | None = None  # predict images larger than this (pixels a side) in pieces of it
        names = tuple(facts["class_names"])
        self.train_scores = SegmentationScores(class_names=names)
        self.val_scores = SegmentationScores(class_names=names)
        self.test_scores = SegmentationScores(class_names=names)
        # NaN stays NaN and stops the training (fcnlab.watch); looking for it here would wait for the GPU in every step.
        self.train_loss, self.val_loss, self.test_loss = (MeanLoss() for _ in range(3))
        for running in self.running:
            running.persistent(True)  # a checkpoint in mid-epoch keeps what the epoch has counted so far

    @property
    def running(self) -> tuple[Metric, Metric]:
        """What counts through an epoch of training."""
        return self.train_scores, self.train_loss

    @classmethod
    def from_checkpoint(
        cls, saved: dict[str, Any], *, net: nn.Module, loss: CrossEntropy, channels_last: bool
    ) -> "SegmentationTask":
        """A task that scores and predicts with the weights of a checkpoint (``fcnlab.checkpoint.load_checkpoint``)."""
        content = dict(saved["fcnlab"])
        config = content.pop("config")
        task = cls(net=net, loss=loss, optim=None, facts=content, config=config, channels_last=channels_last)
        weights = {name: tensor for name, tensor in saved["state_dict"].items() if name.startswith(("net.", "loss."))}
        if wrong := describe_mismatch(task, weights):
            raise UserError(f"The checkpoint's weights do not fit {net.__class__.__name__}: {wrong}. Type no model=...")
        task.load_state_dict(weights, strict=False)
        return task

    @classmethod
    def load(cls, path: str | Path) -> "SegmentationTask":
        """A trained net from its checkpoint alone, ready for ``label``. Raises UserError like ``load_checkpoint``."""
        saved = load_checkpoint(path)
        config, classes = saved["fcnlab"]["config"], len(saved["fcnlab"]["class_names"])
        net, loss = (build(config[part], num_classes=classes) for part in ("model", "loss"))
        return cls.from_checkpoint(saved, net=net, loss=loss, channels_last=False).eval()

    def pipeline(self, image_size: Sequence[int] | None) -> Pipeline:
        """What an image goes through before the net sees it: resized, normalised as in training."""
        return Pipeline(image_size=image_size, **{key: self.facts[key] for key in INPUT if key in self.facts})

    @torch.no_grad()
    def label(self, image: Image) -> Mask:
        """Labels (H, W) uint8 of an RGB image (H, W, 3) uint8 of any size."""
        batch = photo_batch(image, self.pipeline(self.config["data"]["image_size"]))
        batch["image"] = batch["image"].to(self.device)
        return np.asarray(self.predict_step(batch, 0)[0].byte().cpu())

    def forward(self, image: torch.Tensor, size: torch.Size | None = None) -> torch.Tensor:
        """Image (N, 3, H, W) -> logits (N, C, H, W), or of another ``size`` where the ground truth has its own."""
        logits: torch.Tensor = self.net(image.contiguous(memory_format=self.memory_format))
        logits = logits.float() if logits.dtype.itemsize < 4 else logits  # a loss needs more than 16 bits
        if size is not None and size != logits.shape[-2:]:
            logits = nn.functional.interpolate(logits, size=size, mode="bilinear", align_corners=False)
        return logits

    def training_step(self, batch: Batch, _: int) -> torch.Tensor:
        """One step: the loss; predictions are scored on the way.

        The loss is one mean over the valid pixels of all processes: DDP takes the mean of their gradients, so each
        process gives its sum over the pixels of all, times the number of processes.
        """
        total, count, prediction = self.compare(batch["image"], batch["mask"])
        share = total.detach() / count.clamp(min=1e-12)
        self.train_scores.update(prediction, batch["mask"])
        self.train_loss.update(share, count.detach())
        self.log("loss", share, prog_bar=True, logger=False)
        loss: torch.Tensor = total / sum_over_processes(count).clamp(min=1e-12) * number_of_processes()
        return loss

    def compare(self, image: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The summed loss, what it is divided by, and the predicted labels (N, H, W), all of the image's own size."""
        if isinstance(self.loss, StripCrossEntropy):
            if not isinstance(self.net, FCN) or mask.shape[-2:] != image.shape[-2:]:
                raise UserError(
                    f"loss=cross_entropy_strips upsamples an FCN's score to the mask: model={type(self.net).__name__}, "
                    f"image {tuple(image.shape[-2:])}, mask {tuple(mask.shape[-2:])}. Take loss=cross_entropy."
                )
            score = self.net(image.contiguous(memory_format=self.memory_format), upsampled=False)
            return self.loss.parts_of_score(score, self.net.last_upsampling, mask)
        logits: torch.Tensor = self(image)
        return *self.loss.parts(logits, mask), most_likely(logits.detach())

    def validation_step(self, batch: Batch, _: int) -> dict[str, torch.Tensor]:
        """Score a batch of validation images, each at its ground truth's own size."""
        return self.score(batch, self.val_scores, self.val_loss)

    def test_step(self, batch: Batch, _: int) -> dict[str, torch.Tensor]:
        """Score a batch of test images; their predictions and counts are kept by ``Evidence``."""
        return self.score(batch, self.test_scores, self.test_loss)

    def predict_step(self, batch: dict[str, Any], _: int) -> torch.Tensor:
        """Labels (N, H, W) at the photo's own size."""
        image, size = batch["image"], torch.Size(batch["photo"].shape[:2])
        overlap = getattr(self.net, "overlap", None)
        if self.piece and overlap and image.shape[-2:] == size and max(size) > self.piece + overlap:
            return label_in_pieces(self, image, side=self.piece, overlap=overlap)
        logits: torch.Tensor = self(image)
        return most_likely(logits) if logits.shape[-2:] == size else label_at_size(logits, size)

    def score(self, batch: Batch, scores: SegmentationScores, mean_loss: MeanMetric) -> dict[str, torch.Tensor]:
        """Add a batch to the counts; returns its predictions (N, H, W) and its counts (N, C, C)."""
        image, mask = batch["image"], batch["mask"]
        if mask.shape[-2:] == image.shape[-2:]:
            total, count, prediction = self.compare(image, mask)
        else:
            logits = self(image, mask.shape[-2:])
            total, count, prediction = *self.loss.parts(logits, mask), most_likely(logits)
        if PADDING in batch["name"]:
            return {}
        mean_loss.update(total / count.clamp(min=1e-12), count)
        scores.update(prediction, mask)
        return {"prediction": prediction, "counts": scores.last_counts}

    def on_train_start(self) -> None:
        """A checkpoint's sums count once, not once in every process."""
        if self.global_rank > 0:
            for metric in self.running:
                metric.reset()

    def on_train_epoch_end(self) -> None:
        """Log the running scores of the epoch."""
        self.log_epoch("train", self.train_scores, self.train_loss)

    def on_validation_epoch_end(self) -> None:
        """Log the scores of the validation set."""
        self.log_epoch("val", self.val_scores, self.val_loss)

    def on_test_epoch_end(self) -> None:
        """Log the scores of the test set, class by class too."""
        self.log_epoch("test", self.test_scores, self.test_loss, classes=True)

    def log_epoch(self, split: str, scores: SegmentationScores, loss: MeanMetric, classes: bool = False) -> None:
        """Log one split's scores under ``<split>/<name>`` and start counting anew."""
        values = {"loss": loss.compute(), **scores.compute()}
        shown = {f"{split}/{k}": v.float() for k, v in values.items() if classes or not k.startswith("iou/")}
        self.log_dict(shown, sync_dist=False, rank_zero_only=False)
        if split == "val":
            self.log("mean_iou", values["mean_iou"].float(), prog_bar=True, logger=False)
        scores.reset()
        loss.reset()

    def configure_optimizers(self) -> Any:
        """The recipe over all steps of the training; the rate changes with every step."""
        assert self.optim is not None, "a task from a checkpoint does not train"
        optimizer, schedule = self.optim.build(self.net, int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Make the checkpoint whole: with this, ``evaluate`` and ``predict`` need nothing else.

        What the processes have counted in this epoch is kept as one sum, and given back to the first of them. Called
        for every checkpoint before anything is written: raises UserError if weights are no numbers any more.
        """
        if is_distributed():
            for name, metric in (("train_scores.", self.train_scores), ("train_loss.", self.train_loss)):
                with metric.sync_context():
                    checkpoint["state_dict"] |= metric.state_dict(prefix=name)
        refuse_weights_without_numbers(self, checkpoint["state_dict"])
        checkpoint["fcnlab"] = {"format": FORMAT, "config": self.config, **self.facts}


def describe_mismatch(task: SegmentationTask, weights: dict[str, torch.Tensor]) -> str:
    """The first few names or shapes in which weights and task differ; empty if they fit."""
    own = {k: v.shape for k, v in task.state_dict().items() if k.startswith(("net.", "loss."))}
    given = {k: v.shape for k, v in weights.items()}
    wrong = [f"{k} is {tuple(given[k])} for {tuple(own[k])}" for k in own if k in given and given[k] != own[k]]
    wrong += [f"{k} is missing" for k in own if k not in given] + [f"{k} is unknown" for k in given if k not in own]
    return "; ".join(wrong[:3])
