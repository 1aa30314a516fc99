"""A weighted sum of losses by name, each logged by itself."""

from collections.abc import Callable, Mapping

import torch
from torch import nn

from fcnlab.error import UserError, nearest
from fcnlab.loss.base import PixelLoss, Term
from fcnlab.loss.foreign import adapt


class WeightedSum(PixelLoss):
    """``weights[name] * losses[name]``, summed. Each part is logged as ``<split>/loss/<name>``.

    Args:
        losses: the parts by name, ours or any (logits, mask) -> scalar.
        weights: one number for each; 1 for those that are not named.
    """

    def __init__(
        self, *, losses: Mapping[str, Callable[..., torch.Tensor]], weights: Mapping[str, float] | None = None
    ) -> None:
        super().__init__()
        factors = dict(weights or {})
        for name in factors:
            if name not in losses:
                raise UserError(f"loss.weights names {name}, which is no part of the sum. {nearest(name, losses)}")
        self.losses = nn.ModuleDict({name: adapt(loss) for name, loss in losses.items()})
        if len(reductions := {loss.reduction for loss in self.each().values()}) != 1:
            told = ", ".join(sorted(reductions)) or "none at all"
            raise UserError(f"loss.losses have the reductions {told}. Give one loss or more, all of one reduction.")
        self.reduction = reductions.pop()
        self.weights = {
            f"{name}_{inner}" if inner else name: factors.get(name, 1.0) * weight
            for name, loss in self.each().items()
            for inner, weight in loss.weights.items()
        }

    def each(self) -> dict[str, PixelLoss]:
        """The parts by name."""
        return {name: loss for name, loss in self.losses.items() if isinstance(loss, PixelLoss)}

    def terms(self, logits: torch.Tensor, mask: torch.Tensor) -> dict[str, Term]:
        """The parts of every loss, weighted."""
        found = [term for loss in self.each().values() for term in loss.terms(logits, mask).values()]
        return {
            name: term._replace(weight=weight) for (name, weight), term in zip(self.weights.items(), found, strict=True)
        }
