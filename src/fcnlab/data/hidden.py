"""Foreground or background of the images hidden behind one colour: what does a net look at? (``data.hide``)"""

from typing import Literal

import torch
from torch.nn.functional import interpolate

Hidden = Literal["background", "foreground", "both"]


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
