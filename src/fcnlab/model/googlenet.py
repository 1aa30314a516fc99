"""GoogLeNet as a backbone: torchvision's definition without its average pool and classifier (the paper's Table 1)."""

from typing import Annotated

import torch
import torchvision
from annotated_types import Ge
from torch import nn

from fcnlab.model.backbone import Backbone, Feature
from fcnlab.model.convolution import make_careful
from fcnlab.model.first_layer import take_channels

# The layers between two pools; a pool follows each line but the last.
STAGES = (
    ("conv1",),
    ("conv2", "conv3"),
    ("inception3a", "inception3b"),
    ("inception4a", "inception4b", "inception4c", "inception4d", "inception4e"),
    ("inception5a", "inception5b"),
)


class GoogLeNet(Backbone):
    """GoogLeNet (N, in_channels, H, W) -> pool3 (480, stride 8), pool4 (832, stride 16), inception5b (1024, stride 32).

    ``pool3`` and ``pool4`` are inception3b and inception4e: the last maps at stride 8 and 16. As in the paper the last
    average pooling is left out. Every map has ceil(size / stride) elements: torchvision's own where sizes are even, one
    more on the right and below where a pool meets an odd size. Layers keep torchvision's names.

    Weights of torchvision's were trained on values from -1 to 1 (its ``transform_input``).
    """

    coarse = "inception5b"
    first, first_norm = "conv1.conv", "conv1.bn"
    torchvision = "googlenet"

    def __init__(self, *, in_channels: Annotated[int, Ge(1)] = 3, name: str = "googlenet") -> None:
        super().__init__()
        self.name, self.in_channels = name, in_channels
        net = torchvision.models.googlenet(weights=None, aux_logits=False, init_weights=False)
        take_channels(net, in_channels)
        for layer in (layer for stage in STAGES for layer in stage):
            self.add_module(layer, net.get_submodule(layer))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        make_careful(self)
        # A 3x3 pool of stride 2 is centred one element on, the last, of 2x2, half an element: 2, 6, 14, 22 pixels.
        self.features = {
            "pool3": Feature(channels=480, stride=8, offset=6.0),
            "pool4": Feature(channels=832, stride=16, offset=14.0),
            "inception5b": Feature(channels=1024, stride=32, offset=22.0),
        }

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        """Run the backbone; see the class for names and shapes of what comes out."""
        maps, x = [], image
        for stage, layers in enumerate(STAGES):
            if stage:
                x = pool(x, 2 if stage == len(STAGES) - 1 else 3)
            for layer in layers:
                x = self.get_submodule(layer)(x)  # (N, C, H/2^(stage + 1), ...)
            maps.append(x)
        return dict(zip(self.features, maps[2:], strict=True))


def pool(x: torch.Tensor, kernel: int) -> torch.Tensor:
    """The maximum of every second kernel x kernel window: (N, C, h, w) -> (N, C, ceil(h / 2), ceil(w / 2))."""
    beyond = [-size % 2 + kernel - 2 for size in (x.shape[-1], x.shape[-2])]
    return nn.functional.max_pool2d(nn.functional.pad(x, (0, beyond[0], 0, beyond[1]), value=-torch.inf), kernel, 2)
