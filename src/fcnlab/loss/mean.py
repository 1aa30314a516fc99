"""The loss over an epoch, part by part."""

from collections.abc import Mapping

import torch
from torchmetrics import Metric

from fcnlab.loss.base import Term


class MeanLosses(Metric):
    """The weighted mean of every part of a loss over an epoch. NaN stays NaN and is not looked for.

    (torchmetrics 1.9's MeanMetric looks for it, and with ``nan_strategy="disable"`` counts every weight as 1.)

    Args:
        weights: of the parts, by name; ``""`` where there is one.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        super().__init__()
        self.weights = dict(weights)
        for number in range(len(self.weights)):
            self.add_state(f"value_{number}", torch.tensor(0.0), dist_reduce_fx="sum")
            self.add_state(f"weight_{number}", torch.tensor(0.0), dist_reduce_fx="sum")

    def update(self, terms: Mapping[str, Term]) -> None:
        """Add the parts of a batch."""
        for number, name in enumerate(self.weights):
            if name in terms:
                count = terms[name].over.detach()
                setattr(self, f"value_{number}", getattr(self, f"value_{number}") + terms[name].mean.detach() * count)
                setattr(self, f"weight_{number}", getattr(self, f"weight_{number}") + count)

    def compute(self) -> dict[str, torch.Tensor]:
        """``loss``, and ``loss/<part>`` for each of several; a part that never came (``aux``) is left out."""
        means = {
            name: getattr(self, f"value_{number}") / getattr(self, f"weight_{number}")
            for number, name in enumerate(self.weights)
            if number == 0 or getattr(self, f"weight_{number}") > 0
        }
        whole = sum(self.weights[name] * mean for name, mean in means.items())
        parts = {f"loss/{name or 'main'}": mean for name, mean in means.items()} if len(means) > 1 else {}
        return {"loss": torch.as_tensor(whole), **parts}
