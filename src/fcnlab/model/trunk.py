"""What a trunk promises to the heads above it: named features, each with channels, stride and offset."""

from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True, kw_only=True)
class Feature:
    """Where a feature map lies: element i is centred on input pixel ``stride * i + offset``.

    The offset follows from padding and kernel of every layer below (Long et al. 2015, section 3.2, treat the same
    composition rule for kernel and stride): a convolution adds ``stride * ((k - 1) / 2 - padding)``.
    """

    channels: int
    stride: int
    offset: float


class Trunk(nn.Module):
    """A classifier without its last layer, run as a convolution.

    Subclasses set ``features`` (what ``forward`` returns, by name) and ``coarse``, the name of the last, coarsest
    one. ``pool3`` and ``pool4`` name the finest features at stride 8 and 16 that a head may take as skips.
    """

    features: dict[str, Feature]
    coarse: str

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        """Map an image (N, in_channels, H, W) to every feature of ``self.features``, (N, channels, ~H/stride, ...)."""
        raise NotImplementedError
