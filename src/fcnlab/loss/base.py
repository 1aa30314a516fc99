"""What the task asks of a loss."""

from collections.abc import Mapping
from typing import Literal, NamedTuple, Protocol

import torch
from torch import nn

from fcnlab.cli.checked import Checked
from fcnlab.metric.segmentation import most_likely

Reduction = Literal["mean", "sum"]


class Given(NamedTuple):
    """What a loss is given of a batch: image (N, c, h, w) and mask (N, H, W), which may be of another size.

    Attributes:
        aux_weight: of the same loss on the net's output ``aux``, where it has one; 0 leaves it out.
        masks: of further heads by name, for a loss that knows of them (:class:`fcnlab.loss.heads.HeadLosses`).
    """

    image: torch.Tensor
    mask: torch.Tensor
    aux_weight: float = 0.0
    masks: Mapping[str, torch.Tensor] = {}


class Term(NamedTuple):
    """One part of a loss over a batch: a sum, what it is divided by, and its weight in the whole."""

    total: torch.Tensor
    over: torch.Tensor
    weight: float = 1.0

    @property
    def mean(self) -> torch.Tensor:
        """The value of this part for this process alone, a scalar; 0 where nothing counts."""
        return self.total / self.over.clamp(min=1e-12)


class Scored(NamedTuple):
    """A batch as a loss sees it: the parts by name (``""`` where there is one), and the labels (N, H, W)."""

    terms: dict[str, Term]
    prediction: torch.Tensor
    more: Mapping[str, torch.Tensor] = {}  # labels of further heads, by name


class Scorer(Protocol):
    """What a loss may ask of the task: the net, and its logits (N, C, H, W) in 32 bits."""

    net: nn.Module

    def outputs(self, image: torch.Tensor, size: torch.Size | None = None) -> dict[str, torch.Tensor]:
        """Logits by name: ``out``, and ``aux`` where the net gives such."""


class PixelLoss(Checked, nn.Module):
    """A loss of logits (N, C, H, W) and mask (N, H, W); subclasses say ``terms``.

    Attributes:
        reduction: ``mean`` or ``sum``: a learning rate is meant for one of them.
        needs_frequencies: whether ``class_weights`` must be set from the training masks.
        head: the head whose masks these are; empty for the first.
        weights: the parts that ``terms`` gives, by name, each with its weight.
    """

    reduction: Reduction = "mean"
    needs_frequencies = False
    head = ""
    weights: Mapping[str, float] = {"": 1.0}

    def terms(self, logits: torch.Tensor, mask: torch.Tensor) -> dict[str, Term]:
        """The parts of the loss, by name."""
        raise NotImplementedError

    def parts(self, aux_weight: float = 0.0) -> dict[str, float]:
        """The weights of the parts by name, with those of the net's output ``aux`` where it counts too."""
        aux = {f"{name}_aux" if name else "aux": weight * aux_weight for name, weight in self.weights.items()}
        return dict(self.weights) | (aux if aux_weight else {})

    def score(self, task: Scorer, given: Given) -> Scored:
        """Run the net on the image, hold its logits against the mask at the mask's own size."""
        outputs = task.outputs(given.image, given.mask.shape[-2:])
        return Scored(self.compare(outputs, given), most_likely(outputs["out"].detach()))

    def compare(self, outputs: Mapping[str, torch.Tensor], given: Given) -> dict[str, Term]:
        """The parts of the loss by name, those of the output ``aux`` too where it counts."""
        terms = self.terms(outputs["out"], given.mask)
        if given.aux_weight and "aux" in outputs:
            for name, term in self.terms(outputs["aux"], given.mask).items():
                terms[f"{name}_aux" if name else "aux"] = term._replace(weight=term.weight * given.aux_weight)
        return terms

    def forward(self, logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """The loss, a scalar."""
        return torch.stack([term.weight * term.mean for term in self.terms(logits, mask).values()]).sum()
