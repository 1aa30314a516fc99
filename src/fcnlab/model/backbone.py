"""What a backbone promises to the heads above it: named features, each with channels, stride and offset."""

from dataclasses import dataclass

import torch
from torch import nn

from fcnlab.cli.checked import Checked
from fcnlab.error import UserError
from fcnlab.model.source import Expects


@dataclass(frozen=True, kw_only=True)
class Feature:
    """Where a feature map lies: element i is centred on input pixel ``stride * i + offset``.

    The offset follows from padding and kernel of every layer below (Long et al. 2015, section 3.2, treat the same
    composition rule for kernel and stride): a convolution adds ``stride * ((k - 1) / 2 - padding)``.
    """

    channels: int
    stride: int
    offset: float


class Backbone(Checked, nn.Module):
    """A classifier without its last layer, run as a convolution.

    Subclasses set ``features`` (what ``forward`` returns, by name) and ``coarse``, the name of the last, coarsest
    one. Every backbone calls its last features at stride 8 and 16 ``pool3`` and ``pool4``, the paper's words, whatever
    its own layers are called: so each of conf/model fits every backbone.

    ``name`` is what experiments call it, ``in_channels`` what its images have (3: RGB). ``reach`` says how many pixels
    to each side of its position an element of the coarsest map can see (half the receptive field); None: that is not
    known.

    For weights from elsewhere they also say which convolution sees the image (``first``), which batch norm follows
    it if it has no bias (``first_norm``), which of torchvision's models it is (``torchvision``), and what input it
    expects if it came with weights (``expects``).
    """

    features: dict[str, Feature]
    coarse: str
    name: str = ""
    in_channels: int = 3
    reach: float | None = None
    first: str
    first_norm: str | None = None
    torchvision: str | None = None
    expects: Expects | None = None

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        """Map an image (N, in_channels, H, W) to every feature of ``self.features``, (N, channels, ~H/stride, ...)."""
        raise NotImplementedError


def check_channels(image_channels: int, in_channels: int) -> None:
    """Raise UserError where images do not have the channels that a net takes."""
    if image_channels != in_channels:
        raise UserError(
            f"The images have {image_channels} channel{'s' * (image_channels != 1)}, but the net takes {in_channels}. "
            f"Set model.backbone.in_channels={image_channels} (model.in_channels for another library's net), or give "
            "images of as many channels."
        )
