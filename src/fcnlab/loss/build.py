"""From the config of a loss to what the task calls: ours, another library's, or a sum of both."""

from collections.abc import Mapping
from typing import Any

from fcnlab.cli.compose import build, offer
from fcnlab.data.datamodule import VOID
from fcnlab.loss.base import PixelLoss
from fcnlab.loss.foreign import IGNORED, adapt

CLASSES = ("num_classes", "n_classes", "nclasses", "n_class", "classes_number")


def build_loss(config: Mapping[str, Any], *, num_classes: int) -> PixelLoss:
    """The loss that a config (plain Python) describes; number of classes and ignore index go where they are taken."""
    named = dict.fromkeys(CLASSES, num_classes) | dict.fromkeys(IGNORED, VOID)
    return adapt(build(offer(config, named)))
