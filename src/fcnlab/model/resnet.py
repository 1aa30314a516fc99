"""ResNet as a backbone: torchvision's definition without its average pool and classifier (He et al. 2015)."""

from typing import Annotated, Literal

import torch
import torchvision
from annotated_types import Ge

from fcnlab.model.backbone import Backbone, Feature
from fcnlab.model.convolution import make_careful
from fcnlab.model.first_layer import take_channels


class ResNet(Backbone):
    """ResNet (N, in_channels, H, W) -> pool3 (stride 8), pool4 (stride 16), layer4 (stride 32).

    ``pool3`` and ``pool4`` are what torchvision calls layer2 and layer3: the last maps at stride 8 and 16, as VGG's
    pools of these names are, so that FCN-16s and FCN-8s mean the same over any backbone. The layers keep torchvision's
    names.

    Args:
        depth: 18, 34, 50, 101 or 152.
        in_channels: 3 for RGB.
        name: what experiments call it; None: resnet and its depth.
    """

    coarse = "layer4"
    first, first_norm = "conv1", "bn1"

    def __init__(
        self,
        *,
        depth: Literal[18, 34, 50, 101, 152],
        in_channels: Annotated[int, Ge(1)] = 3,
        name: str | None = None,
    ) -> None:
        super().__init__()
        self.torchvision = f"resnet{depth}"
        self.name, self.in_channels = name or self.torchvision, in_channels
        net = torchvision.models.get_model(self.torchvision, weights=None)
        take_channels(net, in_channels)
        for name, layer in net.named_children():
            if name not in ("avgpool", "fc"):
                self.add_module(name, layer)
        # Every layer that halves the map is centred on its input (kernel 7, 3 or 1, padding 3, 1 or 0): element i
        # lies on pixel stride * i, and upsampling takes odd kernels, 63 for stride 32 where VGG's pools need 64.
        channels = net.fc.in_features
        self.features = {
            "pool3": Feature(channels=channels // 4, stride=8, offset=0.0),
            "pool4": Feature(channels=channels // 2, stride=16, offset=0.0),
            "layer4": Feature(channels=channels, stride=32, offset=0.0),
        }
        make_careful(self)

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        """Run the backbone; see the class for names and shapes of what comes out."""
        maps, x = {}, image
        for name, layer in self.named_children():
            x = maps[name] = layer(x)  # conv1 (N, 64, H/2, W/2), maxpool (N, 64, H/4, W/4), layer1 to layer4
        return {"pool3": maps["layer2"], "pool4": maps["layer3"], "layer4": maps["layer4"]}
