"""What a task counts through an epoch of each split, and logs when the epoch is over."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import lightning as L
from torchmetrics import Metric

from fcnlab.data.datamodule import Batch
from fcnlab.loss.base import Scored
from fcnlab.loss.mean import MeanLosses
from fcnlab.metric.extra import ExtraMetrics
from fcnlab.metric.heads import SplitScores
from fcnlab.metric.segmentation import Absent, SegmentationScores
from fcnlab.run.distributed import is_distributed


class Counters(NamedTuple):
    """What counts one split; the task has them as ``train_scores``, ``val_loss`` and so on."""

    scores: SegmentationScores
    heads: SplitScores
    extra: ExtraMetrics
    loss: MeanLosses


class ScoredTask(L.LightningModule):
    """Scores of training, validation and test, under ``<split>/<name>``; a checkpoint keeps those of a begun epoch."""

    def add_scores(
        self,
        class_names: Sequence[str],
        *,
        heads: Mapping[str, Sequence[str]],
        losses: Mapping[str, Mapping[str, float]],
        metrics: Mapping[str, Metric],
        head_metrics: Mapping[str, Mapping[str, Metric]],
        absent: Absent,
    ) -> None:
        """Register what counts.

        Args:
            heads: class names of further heads.
            losses: the weights of the loss's parts by split.
            metrics, head_metrics: beside the paper's four, of validation and test.
            absent: see :class:`SegmentationScores`.
        """
        for split, parts in losses.items():
            training = split == "train"
            counters = Counters(
                scores=SegmentationScores(class_names=tuple(class_names), absent=absent),
                heads=SplitScores(heads, {} if training else head_metrics, absent),
                extra=ExtraMetrics({} if training else metrics, class_names=class_names),
                # NaN stays NaN and stops the training (FiniteLoss); looking for it here would wait for the GPU.
                loss=MeanLosses(parts),
            )
            for kind, counter in counters._asdict().items():
                self.add_module(f"{split}_{kind}", counter)
        for running in self.running.values():
            running.persistent(True)  # a checkpoint in mid-epoch keeps what the epoch has counted so far

    def counters(self, split: str) -> Counters:
        """What counts ``train``, ``val`` or ``test``."""
        return Counters(*(getattr(self, f"{split}_{kind}") for kind in Counters._fields))

    @property
    def running(self) -> dict[str, Metric]:
        """What counts through an epoch of training, by its name in this module."""
        scores, heads, _, loss = self.counters("train")
        of_heads = {f"train_heads.scores.{name}": each for name, each, _ in heads.each()}
        return {"train_scores": scores, "train_loss": loss, **of_heads}

    def count(self, scored: Scored, batch: Batch, split: str) -> None:
        """Add a batch's predictions and losses."""
        scores, heads, extra, loss = self.counters(split)
        scores.update(scored.prediction, batch["mask"])
        heads.update(scored.more, batch.get("masks", {}))
        extra.update(scored.prediction, batch["mask"])
        loss.update(scored.terms)

    def on_train_start(self) -> None:
        """A checkpoint's sums count once, not once in every process."""
        if self.global_rank > 0:
            for metric in self.running.values():
                metric.reset()

    def on_train_epoch_end(self) -> None:
        """Log the running scores of the epoch."""
        self.log_epoch("train")

    def on_validation_epoch_end(self) -> None:
        """Log the scores of the validation set."""
        self.log_epoch("val")

    def on_test_epoch_end(self) -> None:
        """Log the scores of the test set, class by class too."""
        self.log_epoch("test")

    def log_epoch(self, split: str) -> None:
        """Log one split's scores, and start counting anew."""
        scores, heads, extra, loss = self.counters(split)
        values = loss.compute() | scores.compute() | extra.compute() | heads.compute()
        by_class = ("iou/", *(f"{head}/iou/" for head in heads.names))
        shown = {f"{split}/{k}": v.float() for k, v in values.items() if split == "test" or not k.startswith(by_class)}
        self.log_dict(shown, sync_dist=False, rank_zero_only=False)
        if split == "val":
            self.log("mean_iou", values["mean_iou"].float(), prog_bar=True, logger=False)
        for counter in self.counters(split):
            counter.reset()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """What the processes have counted in this epoch is kept as one sum, and given back to the first of them."""
        if is_distributed():
            for name, metric in self.running.items():
                with metric.sync_context():
                    checkpoint["state_dict"] |= metric.state_dict(prefix=f"{name}.")
