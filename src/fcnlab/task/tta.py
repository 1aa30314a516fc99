"""Test-time augmentation: class probabilities averaged over mirrored and scaled views of an image."""

from collections.abc import Sequence
from typing import Annotated, Any

import torch
from annotated_types import Gt, Len
from torch import nn

from fcnlab.cli.checked import Checked
from fcnlab.model.heads import Found, alone, by_name


class AugmentedNet(Checked, nn.Module):
    """Image (N, c, H, W) -> logarithms (N, C, H, W) of the probabilities that a net gives on the mean of all views.

    A loss of logits takes them as they are: their softmax is the mean probability.

    Args:
        net: gives logits (N, C, h, w), or a dict with such an ``out``.
        flip: see each view mirrored left to right too.
        scales: factors of the image's height and width.
    """

    def __init__(
        self,
        net: nn.Module,
        *,
        flip: bool = False,
        scales: Annotated[Sequence[Annotated[float, Gt(0)]], Len(1)] = (1.0,),
    ) -> None:
        super().__init__()
        self.net, self.flip, self.scales = net, flip, tuple(scales)

    def forward(self, image: torch.Tensor) -> Found:
        """See the image, as it is and changed, and average; of several heads each for itself."""
        size, views = image.shape[-2:], dict[str, list[torch.Tensor]]()
        for scale in self.scales:
            seen = resized(image, torch.Size(max(1, round(scale * side)) for side in size), antialias=True)
            for mirrored in (False, True) if self.flip else (False,):
                for name, found in by_name(self.net(seen.flip(-1) if mirrored else seen)).items():
                    logits = found.float().flip(-1) if mirrored else found.float()
                    if name != "aux":
                        views.setdefault(name, []).append(resized(logits, size).softmax(1))
        means = {name: torch.stack(seen).mean(0) for name, seen in views.items()}
        return alone({name: mean.clamp(min=torch.finfo(mean.dtype).tiny).log() for name, mean in means.items()})


def resized(array: torch.Tensor, size: torch.Size, **more: Any) -> torch.Tensor:
    """An array (N, c, h, w) brought bilinearly to another height and width."""
    if array.shape[-2:] == size:
        return array
    return nn.functional.interpolate(array, size=size, mode="bilinear", align_corners=False, **more)
