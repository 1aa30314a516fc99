"""What a backbone promises to the heads above it: named features, each with channels, stride and offset."""

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


class Backbone(nn.Module):
    """A classifier without its last layer, run as a convolution.

    Subclasses set ``features`` (what ``forward`` returns, by name) and ``coarse``, the name of the last, coarsest
    one. Every backbone calls its last features at stride 8 and 16 ``pool3`` and ``pool4``, the paper's words, whatever
    its own layers are called: so each of conf/model fits every backbone.

    ``reach`` says how many pixels to each side of its place an element of the coarsest map can see (half the receptive
    field); where it is not known, large images are not cut into tiles.

    For weights from elsewhere they also say which convolution sees the image (``first``), which batch norm follows
    it if it has no bias (``first_norm``), and which of torchvision's models it is (``torchvision``).
    """

    features: dict[str, Feature]
    coarse: str
    reach: float | None = None
    first: str
    first_norm: str | None = None
    torchvision: str | None = None

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        """Map an image (N, in_channels, H, W) to every feature of ``self.features``, (N, channels, ~H/stride, ...)."""
        raise NotImplementedError
