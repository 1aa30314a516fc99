"""The names of heads: how a net, its masks, its losses and its scores say which labelling of an image is meant."""

import re
from collections.abc import Iterable, Mapping

import torch
from torch import nn

from fcnlab.error import UserError

Found = torch.Tensor | dict[str, torch.Tensor]  # of one head, or of several by name
# What a net gives, and scores log, beside the heads of a person's naming.
TAKEN = {"out", "aux", "main", "loss", "iou", "pixel_accuracy", "mean_accuracy", "mean_iou"} | {
    *("frequency_weighted_iou", "colour", "overlay", "panel"),
}


def check_head_names(names: Iterable[str], key: str) -> None:
    """Raise UserError for a name that is a word of something else.

    Args:
        key: of the setting, in the message.
    """
    for name in names:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", str(name)) or name in TAKEN or hasattr(nn.ModuleDict, name):
            raise UserError(
                f"{key} names a head {name!r}. A head is called by a word of a to z, 0 to 9 and _, as geometric, that "
                f"has no other meaning: not {', '.join(sorted(TAKEN))}, nor the name of a method of torch's modules."
            )


def by_name(found: torch.Tensor | Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """What a net gives, by name: ``out`` and, where it has such, ``aux``."""
    if not isinstance(found, Mapping):
        return {"out": found}
    if "out" not in found:
        raise UserError(
            f"The net gives {', '.join(map(str, found))}, but no 'out': its logits (N, C, H, W). "
            "Wrap it in a module of yours that gives them under this name."
        )
    return dict(found)


def alone(found: dict[str, torch.Tensor]) -> Found:
    """What there is of one head as it is, of several by name."""
    return found["out"] if len(found) == 1 else found
