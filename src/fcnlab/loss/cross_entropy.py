"""Pixel losses in which void never counts."""

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from annotated_types import Ge
from torch import nn

from fcnlab.data.datamodule import VOID
from fcnlab.error import UserError
from fcnlab.loss.base import PixelLoss, Reduction, Term


class CrossEntropy(PixelLoss):
    """Softmax cross-entropy per pixel.

    Args:
        reduction: ``mean`` over the pixels that count, or ``sum`` over pixels and mean over images: the paper's, as
            Caffe's SoftmaxWithLoss with normalize: false divides by the batch size only.
        class_weights: none, one number per class, or ``median_frequency``: SegNet's, from the training masks.
    """

    class_weights: torch.Tensor

    def __init__(
        self,
        *,
        num_classes: int,
        reduction: Reduction = "mean",
        class_weights: Sequence[Annotated[float, Ge(0)]] | Literal["median_frequency"] | None = None,
    ) -> None:
        super().__init__()
        self.reduction, self.needs_frequencies = reduction, isinstance(class_weights, str)
        given = (
            class_weights if class_weights is not None and not isinstance(class_weights, str) else [1.0] * num_classes
        )
        if len(given) != num_classes:
            raise UserError(
                f"loss.class_weights has {len(given)} numbers for {num_classes} classes. Give one per class."
            )
        self.register_buffer("class_weights", torch.tensor([float(w) for w in given]))

    def terms(self, logits: torch.Tensor, mask: torch.Tensor) -> dict[str, Term]:
        """One part: the sum over the pixels of mask (N, H, W), and what it is divided by."""
        weights = self.class_weights.to(logits.dtype)
        total = nn.functional.cross_entropy(logits, mask, weight=weights, ignore_index=VOID, reduction="sum")
        return {"": Term(total, self.count(mask))}

    def count(self, mask: torch.Tensor) -> torch.Tensor:
        """What the summed loss over a mask (N, H, W) is divided by: the weights of its pixels, or its images."""
        weights = self.class_weights
        if self.reduction == "sum":
            return weights.new_tensor(float(len(mask)))
        return torch.cat([weights, weights.new_zeros(VOID + 1 - len(weights))])[mask].sum()
