"""Cross-entropy over many classes, strip by strip, from the score before its last upsampling.

``loss=cross_entropy_strips``. The same loss as :class:`fcnlab.loss.CrossEntropy` (equal to 1e-6), but logits of all
classes at full resolution never exist: of (8, 150, 512, 512) in 32 bits each copy would take 1.2 GiB.
"""

from typing import Any

import torch
from torch.autograd.function import once_differentiable

from fcnlab.data.datamodule import VOID
from fcnlab.loss import CrossEntropy
from fcnlab.metric import most_likely
from fcnlab.model.upsample import BilinearUpsample

Tensors = tuple[torch.Tensor, torch.Tensor]


class StripCrossEntropy(CrossEntropy):
    """Softmax cross-entropy per pixel, for nets whose last upsampling is fixed: all FCNs here.

    Args:
        elements: how many logits exist at a time; None: 2 ** 21 (8 MiB, about a CPU's cache), on a GPU 2 ** 25.
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
            images, classes, cells, _ = score.shape
            height, width = mask.shape[-2:]
            upsample.check(score, start=upsample.shift, height=height, width=width)
            down = upsample.matrix(score, cells, upsample.shift, height)  # (H, h)
            across = upsample.matrix(score, score.shape[-1], upsample.shift, width)  # (W, w)
            gradient, labels, totals = torch.zeros_like(score), torch.empty_like(mask), []
            rows = max(1, elements // (images * classes * width))
            for top in range(0, height, rows):
                truth = mask[:, None, top : top + rows]
                seen = upsample.sources(upsample.shift + top, truth.shape[-2], cells)
                taps = down[top : top + rows, seen]
                logits = taps @ (score[:, :, seen] @ across.T)  # (N, C, rows, W)
                labels[:, top : top + rows] = most_likely(logits)
                label = torch.where(truth == VOID, 0, truth)
                weight = torch.where(truth == VOID, 0.0, class_weights[label])
                log_p = logits.log_softmax(1)
                totals.append(-(weight * log_p.gather(1, label)).sum())
                if not learns:
                    continue
                slope = log_p.exp_().mul_(weight).scatter_add_(1, label, -weight)
                gradient[:, :, seen] += taps.T @ (slope @ across)
        ctx.save_for_backward(gradient)
        ctx.mark_non_differentiable(labels)
        return torch.stack(totals).sum(), labels

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *slopes: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """The gradient that forward made, times what comes from above."""
        (gradient,) = ctx.saved_tensors
        return (slopes[0] * gradient).to(ctx.dtype), None, None, None, None
