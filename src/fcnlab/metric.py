"""The paper's four numbers and per-class IoU, from one confusion matrix over the whole set."""

from typing import Any

import torch
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassConfusionMatrix

from fcnlab.data.datamodule import VOID


def most_likely(logits: torch.Tensor) -> torch.Tensor:
    """Labels (N, H, W) of logits (N, C, H, W), of equal ones the first; argmax takes four times as long on CPUs."""
    return logits.max(1).indices


def count_pairs(prediction: torch.Tensor, truth: torch.Tensor, num_classes: int) -> torch.Tensor:
    """Count (truth, prediction) pairs per image: two (N, H, W) -> (N, C, C) int64, void truth left out."""
    images, cells = len(truth), num_classes * num_classes
    place = torch.arange(images, device=truth.device).view(-1, 1, 1) * cells + truth * num_classes + prediction
    place = torch.where(truth == VOID, images * cells, place)  # one more cell, for void: no copy to the host
    counts = histogram(place.flatten(), images * cells + 1)
    return counts[: images * cells].view(images, num_classes, num_classes)


def histogram(place: torch.Tensor, cells: int, *, by_bincount: bool | None = None) -> torch.Tensor:
    """How often each of 0 ... cells - 1 occurs in ``place`` (n,), int64.

    Args:
        by_bincount: None: on a CPU, where it is sooner; on CUDA it would ask the host for minimum and maximum.
    """
    if by_bincount if by_bincount is not None else place.device.type == "cpu":
        return torch.bincount(place, minlength=cells)
    return place.new_zeros(cells).scatter_add_(0, place, torch.ones_like(place))


def paper_scores(hit: torch.Tensor, predicted: torch.Tensor, true: torch.Tensor) -> dict[str, torch.Tensor]:
    """The paper's four numbers (...,) from pixels per class (..., C), in double precision (section 5).

    A class in neither truth nor prediction is left out of the means: 0 / 0 is nan.
    """
    iou = hit / (true + predicted - hit)
    return {
        "pixel_accuracy": hit.sum(-1) / true.sum(-1),
        "mean_accuracy": (hit / true).nanmean(-1),
        "mean_iou": iou.nanmean(-1),
        "frequency_weighted_iou": (true * iou).nansum(-1) / true.sum(-1),
    }


class SegmentationScores(MulticlassConfusionMatrix):
    """torchmetrics' confusion matrix, read as Long et al. 2015, section 5 do.

    Void is left out by the ground truth only. A class in neither truth nor prediction is left out of the means; one
    that is predicted but never true has IU 0 (score.py of the authors: nanmean).
    """

    def __init__(self, *, class_names: tuple[str, ...]) -> None:
        super().__init__(num_classes=len(class_names), ignore_index=VOID, validate_args=False)
        self.class_names = class_names

    def update(self, preds: torch.Tensor, target: torch.Tensor) -> None:
        """Add predicted labels (N, H, W) and true labels (N, H, W); ``last_counts`` (N, C, C) is what they added."""
        self.last_counts = count_pairs(preds, target, len(self.class_names))
        self.confmat += self.last_counts.sum(0)

    def compute(self) -> dict[str, Any]:  # type: ignore[override]
        """The four numbers by name and ``iou/<class>`` for every class that occurs; fractions of 1."""
        pairs = self.confmat.double()
        hit, true, predicted = pairs.diag(), pairs.sum(1), pairs.sum(0)
        union = true + predicted - hit
        iou, scores = hit / union, paper_scores(hit, predicted, true)
        occurs = (union > 0).tolist()
        scores |= {f"iou/{name}": iou[i] for i, name in enumerate(self.class_names) if occurs[i]}
        return scores


class MeanLoss(MeanMetric):
    """A weighted mean in which NaN stays NaN and is not looked for.

    With ``nan_strategy="disable"`` torchmetrics 1.9 counts every weight as 1.
    """

    def update(self, value: torch.Tensor, weight: torch.Tensor) -> None:  # type: ignore[override]
        """Add a mean and what it was a mean over, two scalars."""
        self.mean_value = self.mean_value + value * weight
        self.weight = self.weight + weight
