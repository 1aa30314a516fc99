"""Whether time grows in proportion: a straight line through the times of a step, or of the loss, at several sizes."""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import numpy as np

from fcnlab.benchmark.classes import Loss
from fcnlab.benchmark.row import Alone, Row, in_turn, shown
from fcnlab.benchmark.step import Step, recipe

MEASURED = "worst distance from a straight line over the time there"


def rows(config: dict[str, Any]) -> list[Row]:
    """A row for each thing that grows: image area and batch by the step, classes by upsampling and loss alone."""
    net, growth = config["net"], config["growth"]
    small = min(growth["side"])
    fixed = {"words": recipe(net), "classes": net["classes"]}
    many = {"choice": "cross_entropy", "side": config["many_classes"]["side"], "batch": 1}
    tasks: dict[str, tuple[type, dict[int, dict[str, Any]], str]] = {
        "a step, image area": (Step, {s**2: fixed | {"image": [s, s], "batch": 1} for s in growth["side"]}, "pixels"),
        "a step, batch": (Step, {b: fixed | {"image": [small, small], "batch": b} for b in growth["batch"]}, "images"),
        "upsampling and loss, classes": (Loss, {c: many | {"classes": c} for c in growth["classes"]}, "classes"),
    }
    found = []
    for what, (kind, settings, unit) in tasks.items():
        with ExitStack() as stack:
            alone = {str(size): stack.enter_context(Alone(kind, **own)) for size, own in settings.items()}
            seconds = in_turn(alone, rounds=config["rounds"], warm=2)
        rounds = (dict(zip(settings, taken, strict=True)) for taken in zip(*seconds.values(), strict=True))
        told = "; ".join(f"{size} {unit}: {shown(taken)}" for size, taken in seconds.items())
        found.append(Row(f"growth of {what}", MEASURED, [residual(taken) for taken in rounds], "<= 0.1", told))
    return found


def residual(seconds: Mapping[int, float]) -> float:
    """The worst distance of times by size from a straight line, as a share of the time there.

    The line is the one with the least squares of such shares: a fixed cost, and a cost for each pixel, image or class.
    """
    sizes, times = np.array(list(seconds), float), np.array(list(seconds.values()))
    shares = np.stack([np.ones_like(sizes), sizes], 1) / times[:, None]  # of which the line makes 1 everywhere
    line = np.linalg.lstsq(shares, np.ones_like(times), rcond=None)[0]
    return float(np.abs(shares @ line - 1).max())
