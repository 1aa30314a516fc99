"""How a training step grows with image area, batch and classes, once the fixed cost of the weights is paid."""

import math
from collections.abc import Mapping
from contextlib import ExitStack
from itertools import pairwise
from typing import Any

from fcnlab.benchmark.row import Alone, Row, in_turn, shown
from fcnlab.benchmark.step import Step, recipe


def rows(config: dict[str, Any]) -> list[Row]:
    """How far the slopes between neighbours are apart."""
    net, growth = config["net"], config["growth"]
    small = min(growth["side"])
    fixed = {"side": small, "batch": 1, "classes": net["classes"]}
    found = []
    for what, key in (("image area", "side"), ("batch", "batch"), ("classes", "classes")):
        with ExitStack() as stack:
            steps = {}
            for amount in growth[key]:
                size = fixed | {key: amount}
                shape = {"image": [size["side"]] * 2, "batch": size["batch"], "classes": size["classes"]}
                steps[str(amount)] = stack.enter_context(Alone(Step, words=recipe(net), **shape))
            seconds = in_turn(steps, rounds=config["rounds"], warm=2)
        sizes = [amount**2 if key == "side" else amount for amount in growth[key]]
        values = [spread(dict(zip(sizes, taken, strict=True))) for taken in zip(*seconds.values(), strict=True)]
        told = "; ".join(f"{amount}: {shown(taken)}" for amount, taken in seconds.items())
        told = f"{key} {told}{'' if key == 'side' else f', {small}x{small}'}"
        found.append(
            Row(f"growth with {what}", "largest minus smallest slope over the mean one", values, "<= 0.1", told)
        )
    return found


def spread(seconds: Mapping[int, float]) -> float:
    """Largest minus smallest slope between neighbouring amounts, over the slope from the first to the last."""
    amounts = sorted(seconds)
    slopes = [(seconds[b] - seconds[a]) / (b - a) for a, b in pairwise(amounts)]
    mean = (seconds[amounts[-1]] - seconds[amounts[0]]) / (amounts[-1] - amounts[0])
    return (max(slopes) - min(slopes)) / mean if mean > 0 else math.inf  # no growth that could be told from noise
