"""Cross-entropy over many classes, chunk by chunk, from the score before its last upsampling.

``loss=chunked_cross_entropy``. The same loss as ``CrossEntropy`` (equal to 1e-6), but logits of all classes at full
resolution never exist: of (8, 150, 512, 512) in 32 bits each copy would take 1.2 GiB.
"""

from collections.abc import Iterator
from typing import Annotated, Any

import torch
from annotated_types import Ge
from torch.autograd.function import once_differentiable

from fcnlab.data.datamodule import VOID
from fcnlab.error import UserError
from fcnlab.loss.base import Given, Scored, Scorer, Term
from fcnlab.loss.cross_entropy import CrossEntropy
from fcnlab.model.upsample import BilinearUpsample

Tensors = tuple[torch.Tensor, torch.Tensor]


class ChunkedCrossEntropy(CrossEntropy):
    """Softmax cross-entropy per pixel, for nets whose last upsampling is fixed: all FCNs here.

    Args:
        elements: how many logits exist at a time; None: 2 ** 21 (2 ** 20 to 2 ** 22 are alike on a CPU, above it is
            slower), on a GPU 2 ** 25 (not tried).
    """

    def __init__(self, *, elements: Annotated[int, Ge(1)] | None = None, **common: Any) -> None:
        super().__init__(**common)
        self.elements = elements

    def score(self, task: Scorer, given: Given) -> Scored:
        """The loss and the labels from the net's score before its last upsampling."""
        last = getattr(task.net, "last_upsampling", None)
        if last is None:
            raise UserError(
                f"loss=chunked_cross_entropy upsamples an FCN's score to the mask, but the net is a "
                f"{type(task.net).__name__}. Set loss=cross_entropy."
            )
        if given.mask.shape[-2:] != given.image.shape[-2:]:  # a mask of its own size, as in validation
            return super().score(task, given)
        return self.score_map(task.net(given.image, upsampled=False), last, given.mask)

    def score_map(self, score: torch.Tensor, upsample: BilinearUpsample, mask: torch.Tensor) -> Scored:
        """The same from a score (N, C, h, w) and the upsampling that brings it to the mask (N, H, W)."""
        elements = self.elements or 2 ** (25 if score.is_cuda else 21)
        total, labels = Chunks.apply(score, upsample, mask, self.class_weights, elements)
        return Scored({"": Term(total, self.count(mask))}, labels)


class Chunks(torch.autograd.Function):
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
            for image, rows in chunks(mask.shape, elements // (score.shape[1] * width)):
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


def chunks(shape: torch.Size, rows: int) -> Iterator[tuple[int, slice]]:
    """Image and rows of every chunk of a mask (N, H, W)."""
    images, height, _ = shape
    for image in range(images):
        for top in range(0, height, max(1, rows)):
            yield image, slice(top, min(height, top + max(1, rows)))
