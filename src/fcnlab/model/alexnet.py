"""AlexNet as a backbone: torchvision's five convolutions, and fc6 and fc7 as convolutions (the paper's Table 1)."""

from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt, Interval
from torch import nn

from fcnlab.model.backbone import Backbone, Feature
from fcnlab.model.convolution import make_careful

# Channels, kernel, stride of torchvision's convolutions (Krizhevsky 2014, "One weird trick"); pools follow 1, 2, 5.
LAYERS = ((64, 11, 4), (192, 5, 1), (384, 3, 1), (256, 3, 1), (256, 3, 1))
POOLED = (1, 2, 5)


class AlexNet(Backbone):
    """AlexNet (N, in_channels, H, W) -> pool3 (64, stride 8), pool4 (192, stride 16), fc7 (4096, stride 32).

    ``pool3`` and ``pool4`` are AlexNet's own pool1 and pool2: its last maps at stride 8 and 16. Kernels and strides put
    every element on a whole pixel, so that upsampling takes odd kernels: 63 for stride 32, as the authors' net has.

    Args:
        padding: ``"same"`` keeps every map at ceil(size / stride); an integer pads conv1 by that much, and pools
            and fc6 not at all: 2 is torchvision's classifier, 100 the authors' voc-fcn-alexnet.
        width: a fraction of the channel counts; 1.0 is torchvision's.
        fc_channels: channels of fc6 and fc7, 4096 in the paper.
        dropout: probability after fc6 and fc7, drawn per element as Caffe does.
    """

    coarse = "fc7"
    first = "conv1"
    torchvision = "alexnet"

    def __init__(
        self,
        *,
        padding: Literal["same"] | Annotated[int, Ge(2)] = "same",
        width: Annotated[float, Gt(0)] = 1.0,
        fc_channels: Annotated[int, Ge(1)] = 4096,
        dropout: Annotated[float, Interval(ge=0, lt=1)] = 0.5,
        in_channels: Annotated[int, Ge(1)] = 3,
        name: str = "alexnet",
    ) -> None:
        super().__init__()
        self.name, self.in_channels, self.same = name, in_channels, padding == "same"
        channels, stride, offset, self.reach = in_channels, 1, 0.0, 0.0
        self.features = {}
        for layer, (out, kernel, step) in enumerate(LAYERS, start=1):
            out = max(1, round(out * width))
            pad = int(padding) if layer == 1 and not self.same else kernel // 2
            conv = nn.Conv2d(channels, out, kernel, stride=step, padding=pad)
            self.add_module(f"conv{layer}", conv)
            offset += stride * (kernel // 2 - pad)
            self.reach += stride * (kernel // 2)
            channels, stride = out, stride * step
            if layer in POOLED:  # 3x3, stride 2
                offset += 0 if self.same else stride
                self.reach += stride
                stride *= 2
            if layer in (1, 2):
                self.features[f"pool{layer + 2}"] = Feature(channels=channels, stride=stride, offset=offset)
        self.fc6 = nn.Conv2d(channels, fc_channels, 6)
        self.fc7 = nn.Conv2d(fc_channels, fc_channels, 1)
        offset += stride * (2.5 - (2 if self.same else 0))  # two elements before and three behind make 6 the same
        self.reach += stride * 3
        self.features["fc7"] = Feature(channels=fc_channels, stride=stride, offset=offset)
        # Caffe rounds the size of a pooled map up (pooling_layer.cpp).
        self.pool = nn.MaxPool2d(3, stride=2, padding=1) if self.same else nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.dropout = nn.Dropout(dropout)
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module.bias is not None:
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)
        make_careful(self)

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        """Run the backbone; see the class for names and shapes of what comes out."""
        maps, x = {}, image
        for layer in range(1, len(LAYERS) + 1):
            x = nn.functional.relu(self.get_submodule(f"conv{layer}")(x), inplace=True)
            if layer in POOLED:
                x = maps[f"pool{layer + 2}"] = self.pool(x)  # (N, C, ~H/8, ...), then / 16 and / 32
        if self.same:
            x = nn.functional.pad(x, (2, 3, 2, 3))
        x = self.dropout(nn.functional.relu(self.fc6(x), inplace=True))
        x = maps["fc7"] = self.dropout(nn.functional.relu(self.fc7(x), inplace=True))  # (N, fc_channels, ~H/32, ...)
        return {name: maps[name] for name in self.features}
