"""Boundary F1 within a tolerance, as SegNet's papers report it (arXiv:1511.00561, section 4; Csurka et al. 2013)."""

from typing import Any

import cv2
import numpy as np
import torch
from torchmetrics import Metric

Labels = np.ndarray[Any, np.dtype[np.uint8]]  # (H, W)
CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))


class BoundaryF1(Metric):
    """How well outlines agree: the F1 of every class in the truth of an image, its mean, and the mean over images.

    An outline is the pixels of a class that have a pixel above, below, left or right of another label. A pixel of it is
    right if the other mask's outline of that class comes within the tolerance. Void in the truth belongs to no class,
    there and in the prediction. A class whose outline is in neither mask, because it fills the image, is left out.

    Args:
        tolerance: as a share of the image's diagonal; SegNet's 0.0075 is 4.5 pixels of 480x360.
    """

    higher_is_better = True
    total: torch.Tensor
    images: torch.Tensor

    def __init__(self, *, num_classes: int, ignore_index: int = 255, tolerance: float = 0.0075, **common: Any) -> None:
        super().__init__(**common)
        self.num_classes, self.ignore_index, self.tolerance = num_classes, ignore_index, tolerance
        self.add_state("total", torch.tensor(0.0, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("images", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, prediction: torch.Tensor, truth: torch.Tensor) -> None:
        """Add labels: prediction and truth (N, H, W)."""
        pairs = (np.asarray(labels.to(torch.uint8).cpu()) for labels in (prediction, truth))
        for one, true in zip(*pairs, strict=True):
            scores = self.by_class(np.where(true == self.ignore_index, true, one), true)
            if scores:
                self.total += sum(scores.values()) / len(scores)
                self.images += 1

    def by_class(self, prediction: Labels, truth: Labels) -> dict[int, float]:
        """The F1 of every class in the truth (H, W)."""
        reach = self.tolerance * float(np.hypot(*truth.shape))
        scores = {}
        for label in np.unique(truth[truth < self.num_classes]).tolist():
            drawn, true = outline(prediction == label), outline(truth == label)
            if drawn.any() and true.any():
                precision, recall = near(drawn, true, reach), near(true, drawn, reach)
                scores[label] = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
            elif drawn.any() or true.any():
                scores[label] = 0.0
        return scores

    def compute(self) -> torch.Tensor:
        """The mean over images, 0 to 1; nan where no image shows an outline."""
        return self.total / self.images


def outline(shape: Any) -> Any:
    """The pixels of a shape (H, W) bool that touch a pixel outside it; the image's edge is no outside."""
    inner = cv2.erode(shape.astype(np.uint8), CROSS, borderType=cv2.BORDER_CONSTANT, borderValue=1)
    return shape & (inner == 0)


def near(pixels: Any, others: Any, reach: float) -> float:
    """The share of some pixels (H, W) bool that lie within ``reach`` pixels of others."""
    distance = cv2.distanceTransform((~others).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return float((distance[pixels] <= reach + 1e-4).mean())
