"""How a training step grows with image area, batch and classes, once the fixed cost of the weights is paid."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from fcnlab.benchmark.row import Row, in_turn
from fcnlab.benchmark.step import Step, defaults


def rows(config: dict[str, Any]) -> list[Row]:
    """How far the slopes between neighbours are apart."""
    net, growth = config["net"], config["growth"]
    small = min(growth["sides"])
    fixed = {"side": small, "batch": 1, "classes": net["classes"]}
    found = []
    for what, key, amounts in (
        ("image area", "side", growth["sides"]),
        ("batch", "batch", growth["batches"]),
        ("classes", "classes", growth["classes"]),
    ):
        steps = {str(amount): step(net, **(fixed | {key: amount})) for amount in amounts}
        seconds = in_turn(steps, rounds=config["growth_rounds"])
        best = {int(amount): min(values) for amount, values in seconds.items()}
        told = ", ".join(f"{amount}: {value:.3g} s" for amount, value in best.items())
        measure = {amount**2 if key == "side" else amount: value for amount, value in best.items()}
        told = f"{'' if key == 'side' else f'{small}x{small}, '}{key} {told}"
        found.append(
            Row(
                f"growth with {what}",
                "largest minus smallest slope over the mean one",
                [spread(measure)],
                "<= 0.1",
                told,
            )
        )
    return found


def step(net: dict[str, Any], *, side: int, batch: int, classes: int) -> Step:
    """A training step of the default recipe."""
    return Step(defaults(net), image=[side, side], batch=batch, classes=classes)


def spread(seconds: Mapping[int, float]) -> float:
    """Largest minus smallest slope between neighbouring amounts, over the slope from the first to the last."""
    amounts = sorted(seconds)
    slopes = [(seconds[b] - seconds[a]) / (b - a) for a, b in pairwise(amounts)]
    mean = (seconds[amounts[-1]] - seconds[amounts[0]]) / (amounts[-1] - amounts[0])
    return (max(slopes) - min(slopes)) / mean
