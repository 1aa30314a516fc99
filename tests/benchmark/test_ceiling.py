"""The ceiling is the best of all shapes and rounds: work over seconds."""

import pytest
import torch

from fcnlab.benchmark import ceiling
from fcnlab.benchmark.ceiling import copy_rate, product_rate

CPU = torch.device("cpu")


def test_the_best_rate_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def fixed(tasks: dict, rounds: int) -> dict[str, list[float]]:
        for task in tasks.values():
            task()
        asked.extend(tasks)
        return {name: [2.0, 0.5] for name in tasks}

    monkeypatch.setattr(ceiling, "in_turn", fixed)
    assert product_rate(CPU, torch.float32, shrink=64) == 2 * 64**3 / 0.5  # the square one is the largest of them
    assert asked == ["64x64x64", "256x9x4", "128x36x8"]
    assert copy_rate(CPU, shrink=2**10) == 2 * 2**18 / 0.5
