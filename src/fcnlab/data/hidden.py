"""Foreground or background of images hidden behind one colour, to see what a net looks at: ``data.hide``."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch.nn.functional import interpolate

from fcnlab.error import UserError

Hidden = Literal["background", "foreground", "both"]
BACKGROUND = "background"


class Hide:
    """Hide what is labelled background, or everything else, behind the mean colour; the masks stay as they are.

    ``both`` leaves the shape alone: the foreground is white, the background has the mean colour. Void, the border
    around VOC's objects, is foreground here, so that a hidden object leaves no outline.

    Args:
        what: is hidden.
        background: its label.
        white: the value of white (c, 1, 1) as the net sees it; the mean colour is 0.
    """

    def __init__(self, what: Hidden, *, background: int, white: torch.Tensor) -> None:
        self.what, self.background, self.white = what, background, white

    def __call__(self, image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Normalised image (c, h, w) and mask (H, W), perhaps of another size -> image (c, h, w)."""
        behind = (mask == self.background).float()[None, None]
        ground = interpolate(behind, size=image.shape[-2:], mode="nearest-exact")[0] > 0  # (1, h, w)
        if self.what == "both":
            return torch.where(ground, 0.0, self.white.expand(image.shape))
        return image.masked_fill(ground if self.what == "background" else ~ground, 0.0)


def hidden_by_split(hide: Mapping[Any, Hidden | None] | None, class_names: Sequence[str]) -> dict[str, Hidden]:
    """What is hidden in which split, where something is. Raises UserError where no class is the background."""
    found = {split: what for split, what in (hide or {}).items() if what}
    if found and BACKGROUND not in class_names:
        raise UserError(f"data.hide needs a class called {BACKGROUND}, but there are {', '.join(class_names)}.")
    return found
