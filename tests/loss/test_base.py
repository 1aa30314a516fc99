"""What the task asks of a loss: its parts, with those of an output ``aux``."""

import pytest
import torch
from torch.nn import functional

from fcnlab.loss.base import Given
from fcnlab.loss.cross_entropy import CrossEntropy

LOGITS, MASK = torch.randn(4, 3, 6, 5), torch.randint(0, 3, (4, 6, 5))


def test_an_output_aux_counts_with_its_weight() -> None:
    class Task:
        net = torch.nn.Identity()

        def outputs(self, image: torch.Tensor, size: torch.Size | None = None) -> dict[str, torch.Tensor]:
            return {"out": LOGITS, "aux": 2 * LOGITS}

    loss = CrossEntropy(num_classes=3)
    terms = loss.score(Task(), Given(LOGITS, MASK, 0.25)).terms
    assert {name: term.weight for name, term in terms.items()} == loss.parts(0.25) == {"": 1.0, "aux": 0.25}
    assert terms["aux"].mean.item() == pytest.approx(functional.cross_entropy(2 * LOGITS, MASK).item(), rel=1e-6)
    assert set(loss.score(Task(), Given(LOGITS, MASK)).terms) == set(loss.parts()) == {""}
