"""A weighted sum of losses by name, each logged by itself."""

from collections.abc import Mapping

import torch
from torch import nn

from fcnlab.error import UserError
from fcnlab.loss.base import PixelLoss, Term


class WeightedSum(PixelLoss):
    """``weights[name] * losses[name]``, summed. Each part is logged as ``<split>/loss/<name>``.

    Args:
        losses: the parts, by name.
        weights: one number for each; 1 for those that are not named.
    """

    def __init__(self, *, losses: Mapping[str, PixelLoss], weights: Mapping[str, float] | None = None) -> None:
        super().__init__()
        self.weights = dict.fromkeys(losses, 1.0) | dict(weights or {})
        if unknown := sorted(set(self.weights) - set(losses)):
            raise UserError(f"loss.weights names {', '.join(unknown)}, which is no part. Parts: {', '.join(losses)}.")
        if len(reductions := {loss.reduction for loss in losses.values()}) > 1:
            raise UserError(f"The parts of the loss have reductions {', '.join(sorted(reductions))}. Use one for all.")
        self.reduction = reductions.pop()
        self.names, self.parts = tuple(losses), nn.ModuleList(losses.values())

    def terms(self, logits: torch.Tensor, mask: torch.Tensor) -> dict[str, Term]:
        """The parts of every loss, weighted."""
        found: dict[str, Term] = {}
        for name, loss in zip(self.names, self.parts, strict=True):
            assert isinstance(loss, PixelLoss)
            for inner, term in loss.terms(logits, mask).items():
                key = f"{name}_{inner}" if inner else name
                found[key] = term._replace(weight=term.weight * self.weights[name])
        return found
