"""Cross-entropy over many classes, strip by strip, from the score before its last upsampling.

``loss=cross_entropy_strips``. The same loss as :class:`fcnlab.loss.CrossEntropy` (equal to 1e-6), but logits of all
classes at full resolution never exist: of (8, 150, 512, 512) in 32 bits each copy would take 1.2 GiB.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch.autograd.function import once_differentiable

from fcnlab.data.datamodule import VOID
from fcnlab.loss import CrossEntropy
from fcnlab.model.upsample import BilinearUpsample

Tensors = tuple[torch.Tensor, torch.Tensor]


class StripCrossEntropy(CrossEntropy):
    """Softmax cross-entropy per pixel, for nets whose last upsampling is fixed: all FCNs here.

    Args:
        elements: how many logits exist at a time; None: 2 ** 21 (2 ** 20 to 2 ** 22 are alike on a CPU, above it is
            slower), on a GPU 2 ** 25 (not tried).
    """

    def __init__(self, *, elements: int | None = None, **common: Any) -> None:
        super().__init__(**common)
        self.elements = elements

    def parts_of_score(
        self, score: torch.Tensor, upsample: BilinearUpsample, mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Score (N, C, h, w) and mask (N, H, W) -> what ``parts`` gives of the logits, and the labels (N, H, W)."""
        elements = self.elements or 2 ** (25 if score.is_cuda else 21)
        total, labels = Strips.apply(score, upsample, mask, self.class_weights, elements)
        return total, self.count(mask), labels


class Strips(torch.autograd.Function):
    """Upsample, compare and go back, some rows at a time; the gradient is made on the way."""

    @staticmethod
    def forward(
        ctx: Any,
        score: torch.Tensor,
        upsample: BilinearUpsample,
        mask: torch.Tensor,
        class_weights: torch.Tensor,
        elements: int,
    ) -> Tensors:
        """The summed loss, a scalar, and the labels (N, H, W)."""
        with torch.autocast(score.device.type, enabled=False):
            ctx.dtype, learns = score.dtype, ctx.needs_input_grad[0]
            score = score.float() if score.dtype.itemsize < 4 else score  # a loss needs more than 16 bits
            class_weights = class_weights.to(score.dtype)
            height, width = mask.shape[-2:]
            upsample.check(score, start=upsample.shift, height=height, width=width)
            down = upsample.matrix(score, score.shape[-2], upsample.shift, height)  # (H, h)
            across = upsample.matrix(score, score.shape[-1], upsample.shift, width)  # (W, w)
            void = class_weights.new_zeros(VOID + 1 - len(class_weights))
            weights = torch.cat([class_weights, void]).index_select(0, mask.flatten()).view_as(mask)
            gradient, labels, totals = torch.zeros_like(score), torch.empty_like(mask), []
            for image, rows in strips(mask.shape, elements // (score.shape[1] * width)):
                truth, weight = mask[image, None, rows], weights[image, None, rows]  # (1, rows, W)
                seen = upsample.sources(upsample.shift + rows.start, truth.shape[1], score.shape[-2])
                taps = down[rows, seen]
                logits = taps @ (score[image, :, seen] @ across.T)  # (C, rows, W)
                best, label = logits.max(0, keepdim=True)
                labels[image, rows] = label[0]
                label = truth.where(truth != VOID, 0)
                power = logits.gather(0, label).sub_(best)
                odds = logits.sub_(best).exp_()
                whole = odds.sum(0, keepdim=True)
                totals.append((weight * (whole.log() - power)).sum())
                if learns:
                    slope = odds.mul_(weight / whole).scatter_add_(0, label, -weight)
                    gradient[image, :, seen] += (taps.T @ slope) @ across
        ctx.save_for_backward(gradient)
        ctx.mark_non_differentiable(labels)
        return torch.stack(totals).sum(), labels

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *slopes: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """The gradient that forward made, times what comes from above."""
        (gradient,) = ctx.saved_tensors
        return (slopes[0] * gradient).to(ctx.dtype), None, None, None, None


def strips(shape: torch.Size, rows: int) -> Iterator[tuple[int, slice]]:
    """Image and rows of every strip of a mask (N, H, W)."""
    images, height, _ = shape
    for image in range(images):
        for top in range(0, height, max(1, rows)):
            yield image, slice(top, min(height, top + max(1, rows)))
