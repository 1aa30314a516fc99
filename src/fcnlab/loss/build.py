"""From the config of a loss to what the task calls: ours, another library's, or a sum of both."""

import functools
from collections.abc import Mapping
from typing import Any

from torch import nn

from fcnlab.cli.compose import build, offer
from fcnlab.data.datamodule import VOID
from fcnlab.error import UserError
from fcnlab.loss.base import PixelLoss, adapt

CLASSES = ("num_classes", "n_classes", "nclasses", "n_class", "classes_number")
IGNORED = ("ignore_index", "ignore_label", "ignored_index", "ignore_value", "void_label", "ignore")


def build_loss(config: Mapping[str, Any], *, num_classes: int) -> PixelLoss:
    """The loss that a config (plain Python) describes; number of classes and ignore index go where they are taken."""
    named = dict.fromkeys(CLASSES, num_classes) | dict.fromkeys(IGNORED, VOID)
    loss = build(offer(config, named))
    if not callable(loss):
        raise UserError(f"loss builds a {type(loss).__name__}, which cannot be called with (logits, mask).")
    return adapt(loss, knows_void=knows_void(loss))


def knows_void(loss: Any) -> bool:
    """Whether a built loss was told which label to ignore: by an attribute, or by what a partial function holds."""
    if isinstance(loss, functools.partial):
        return any(loss.keywords.get(name) == VOID for name in IGNORED)
    told = any(getattr(loss, name, None) == VOID for name in IGNORED)
    return told or (isinstance(loss, nn.Module) and any(knows_void(inner) for inner in loss.children()))
