"""One loss for each head of a net, summed."""

from collections.abc import Mapping

import torch
from torch import nn

from fcnlab.error import UserError, nearest
from fcnlab.loss.base import Given, PixelLoss, Scored, Scorer, Term
from fcnlab.metric.segmentation import most_likely


class HeadLosses(PixelLoss):
    """The loss of the first labelling plus ``weights[head]`` times that of each further one.

    All heads are scored in one pass of the net. The first head's parts keep their names, those of a further head begin
    with its name: ``<split>/loss/geometric``.

    Args:
        first: of the net's output ``out``.
        heads: of its other outputs, by name.
        weights: one number for each further head; 1 for those that are not named.
    """

    def __init__(
        self, *, first: PixelLoss, heads: Mapping[str, PixelLoss], weights: Mapping[str, float] | None = None
    ) -> None:
        super().__init__()
        factors = dict(weights or {})
        for name in factors:
            if name not in heads:
                raise UserError(f"task.head_weights names {name}, which is no further head. {nearest(name, heads)}")
        for loss in (first, *heads.values()):
            if type(loss).score is not PixelLoss.score:
                raise UserError(
                    f"loss={type(loss).__name__} runs the net by itself and knows one head only, but the data have "
                    f"masks for {', '.join(heads)} too. Set loss=cross_entropy."
                )
        self.first, self.heads, self.factors = first, nn.ModuleDict(heads), factors
        self.reduction = first.reduction
        for name, loss in heads.items():
            for module in loss.modules():
                if isinstance(module, PixelLoss):
                    module.head = name
        self.weights = dict(first.weights) | {
            joined(name, inner): factors.get(name, 1.0) * weight
            for name, loss in heads.items()
            for inner, weight in loss.weights.items()
        }

    def each(self) -> dict[str, PixelLoss]:
        """The losses of further heads by name."""
        return {name: loss for name, loss in self.heads.items() if isinstance(loss, PixelLoss)}

    def parts(self, aux_weight: float = 0.0) -> dict[str, float]:
        """The weights of all parts; the output ``aux`` is of the first labelling."""
        return self.first.parts(aux_weight) | dict(self.weights)

    def terms(self, logits: torch.Tensor, mask: torch.Tensor) -> dict[str, Term]:
        """The parts of the first head's loss: all that can be told from one mask."""
        return self.first.terms(logits, mask)

    def score(self, task: Scorer, given: Given) -> Scored:
        """Run the net once, hold every output against the mask of its own."""
        outputs = task.outputs(given.image, given.mask.shape[-2:])
        terms = self.first.compare(outputs, given)
        for name, loss in self.each().items():
            if name not in given.masks:
                raise UserError(f"The batch has no mask for head {name}. Set data.heads as in the net's training.")
            for inner, term in loss.terms(outputs[name], given.masks[name]).items():
                terms[joined(name, inner)] = term._replace(weight=term.weight * self.factors.get(name, 1.0))
        found = {name: most_likely(outputs[name].detach()) for name in ("out", *self.heads)}
        return Scored(terms, found.pop("out"), found)


def joined(head: str, part: str) -> str:
    """The name of one part of a head's loss."""
    return f"{head}_{part}" if part else head
