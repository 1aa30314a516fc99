"""The scores of a net's further heads: for each the paper's four and the extra metrics, split by split."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import nn
from torchmetrics import Metric

from fcnlab.metric.extra import ExtraMetrics
from fcnlab.metric.segmentation import Absent, SegmentationScores


class SplitScores(nn.Module):
    """What counts the predictions of every further head on one split; nothing where there is none.

    Args:
        class_names: by head.
        metrics: extra ones by name, by head.
        absent: see :class:`SegmentationScores`.
    """

    def __init__(
        self, class_names: Mapping[str, Sequence[str]], metrics: Mapping[str, Mapping[str, Metric]], absent: Absent
    ) -> None:
        super().__init__()
        self.names = tuple(class_names)
        self.scores = nn.ModuleDict(
            {head: SegmentationScores(class_names=tuple(names), absent=absent) for head, names in class_names.items()}
        )
        self.extra = nn.ModuleDict(
            {head: ExtraMetrics(metrics.get(head, {}), class_names=names) for head, names in class_names.items()}
        )

    def each(self) -> Iterator[tuple[str, SegmentationScores, ExtraMetrics]]:
        """Every head with its scores."""
        for name in self.names:
            scores, extra = self.scores[name], self.extra[name]
            assert isinstance(scores, SegmentationScores)
            assert isinstance(extra, ExtraMetrics)
            yield name, scores, extra

    def update(self, predictions: Mapping[str, torch.Tensor], masks: Mapping[str, torch.Tensor]) -> None:
        """Add a batch: labels (N, H, W) by head, predicted and true."""
        for name, scores, extra in self.each():
            scores.update(predictions[name], masks[name])
            extra.update(predictions[name], masks[name])

    def compute(self) -> dict[str, torch.Tensor]:
        """``<head>/<score>`` for every head and score."""
        found = {name: scores.compute() | extra.compute() for name, scores, extra in self.each()}
        return {f"{name}/{key}": value for name, values in found.items() for key, value in values.items()}

    def reset(self) -> None:
        """Start counting anew."""
        for _, scores, extra in self.each():
            scores.reset()
            extra.reset()
