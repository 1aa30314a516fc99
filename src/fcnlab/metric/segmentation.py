"""The paper's four numbers and per-class IoU, from one confusion matrix over the whole set."""

from typing import Any

import torch
from torchmetrics.classification import MulticlassConfusionMatrix

from fcnlab.data.arrays import VOID
from fcnlab.metric.paper import Absent as Absent
from fcnlab.metric.paper import paper_scores as paper_scores


def most_likely(logits: torch.Tensor) -> torch.Tensor:
    """Labels (N, H, W) of logits (N, C, H, W), of equal ones the first; argmax takes four times as long on CPUs."""
    return logits.max(1).indices


def count_pairs(prediction: torch.Tensor, truth: torch.Tensor, num_classes: int) -> torch.Tensor:
    """Count (truth, prediction) pairs: two (N, H, W) -> (C, C) int64, void truth left out."""
    cells = num_classes * num_classes
    # One more cell, for void: no copy to the host.
    pair = torch.where(truth == VOID, cells, truth * num_classes + prediction)
    return histogram(pair.flatten(), cells + 1)[:cells].view(num_classes, num_classes)


def count_by_image(prediction: torch.Tensor, truth: torch.Tensor, num_classes: int) -> torch.Tensor:
    """True positive, predicted and true pixels: two (N, H, W) -> (3, N, C) int64, void truth left out."""
    images = len(truth)
    cells = images * num_classes
    first = torch.arange(images, device=truth.device).view(-1, 1, 1) * num_classes
    known = truth != VOID
    chosen = ((truth, known & (prediction == truth)), (prediction, known), (truth, known))
    counts = [histogram(torch.where(seen, first + label, cells).flatten(), cells + 1) for label, seen in chosen]
    return torch.stack(counts)[:, :cells].view(3, images, num_classes)


def histogram(cell: torch.Tensor, cells: int, *, by_bincount: bool | None = None) -> torch.Tensor:
    """How often each of 0 ... cells - 1 occurs in ``cell`` (n,), int64.

    Args:
        by_bincount: None: on a CPU, where it is sooner; on CUDA it would ask the host for minimum and maximum.
    """
    if by_bincount if by_bincount is not None else cell.device.type == "cpu":
        return torch.bincount(cell, minlength=cells)
    return cell.new_zeros(cells).scatter_add_(0, cell, torch.ones_like(cell))


class SegmentationScores(MulticlassConfusionMatrix):
    """torchmetrics' confusion matrix, read as Long et al. 2015, section 5 do.

    Void is left out by the ground truth only. A class in neither truth nor prediction is left out of the means.

    Args:
        absent: of a class that is predicted but never true: ``wrong`` counts IU 0 (score.py of the authors: nanmean);
            ``left_out`` leaves it out of the means, as the paper does on SIFT Flow. What is labelled so is wrong in
            either case: the true class of these pixels loses them.
    """

    def __init__(self, *, class_names: tuple[str, ...], absent: Absent = "wrong") -> None:
        super().__init__(num_classes=len(class_names), ignore_index=VOID, validate_args=False)
        self.class_names, self.absent = class_names, absent

    def update(self, preds: torch.Tensor, target: torch.Tensor) -> None:
        """Add predicted labels (N, H, W) and true labels (N, H, W)."""
        self.confmat += count_pairs(preds, target, len(self.class_names))

    def compute(self) -> dict[str, Any]:  # type: ignore[override]
        """The four numbers by name and ``iou/<class>`` for every class that occurs; fractions of 1."""
        pairs = self.confmat.cpu().to(torch.float64)  # Apple's GPUs have no doubles
        hit, true, predicted = pairs.diag(), pairs.sum(1), pairs.sum(0)
        union = true + predicted - hit
        iou, scores = hit / union, paper_scores(hit, predicted, true, absent=self.absent)
        occurs = ((true if self.absent == "left_out" else union) > 0).tolist()
        scores |= {f"iou/{name}": iou[i] for i, name in enumerate(self.class_names) if occurs[i]}
        return scores
