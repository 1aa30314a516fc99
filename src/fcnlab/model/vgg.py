"""VGG16 as a backbone: thirteen convolutions, and its fully connected layers turned into convolutions fc6 and fc7."""

from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt, Interval
from torch import nn

from fcnlab.model.backbone import Backbone, Feature
from fcnlab.model.convolution import make_careful

STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # channels and convolutions, Simonyan & Zisserman 2014, D


class VGG16(Backbone):
    """VGG16 (N, in_channels, H, W) -> pool3 (256, stride 8), pool4 (512, stride 16), fc7 (4096, stride 32).

    Args:
        padding: ``"same"`` keeps every map at ceil(size / stride); an integer pads conv1_1 by that much and fc6 not
            at all, which is the paper's way with 100 (voc-fcn*/net.py): every size then aligns with fixed crops.
        width: a fraction of VGG's channel counts; 1.0 is the paper's.
        batch_norm: normalise after every convolution (not in the paper; helps training from scratch).
        fc_channels: channels of fc6 and fc7, 4096 in the paper.
        dropout: probability after fc6 and fc7, drawn per element as Caffe does.
    """

    coarse = "fc7"
    first = "conv1_1"
    torchvision = "vgg16"

    def __init__(
        self,
        *,
        padding: Literal["same"] | Annotated[int, Ge(1)] = "same",
        width: Annotated[float, Gt(0)] = 1.0,
        batch_norm: bool = False,
        fc_channels: Annotated[int, Ge(1)] = 4096,
        dropout: Annotated[float, Interval(ge=0, lt=1)] = 0.5,
        in_channels: Annotated[int, Ge(1)] = 3,
        name: str = "vgg16",
    ) -> None:
        super().__init__()
        self.name, self.in_channels = name, in_channels
        first, fc_padding = (1, 3) if padding == "same" else (int(padding), 0)
        channels, stride, offset, self.reach = in_channels, 1, float(1 - first), 0.0
        self.features = {}
        self.stages: list[list[str]] = []
        for stage, (out, depth) in enumerate(STAGES, start=1):
            out = max(1, round(out * width))
            names = [f"conv{stage}_{i}" for i in range(1, depth + 1)]
            for name in names:
                pad = first if name == "conv1_1" else 1
                self.add_conv(name, nn.Conv2d(channels, out, 3, padding=pad, bias=True), batch_norm)
                channels = out
                self.reach += stride
            self.stages.append(names)
            offset += stride / 2  # a 2x2 pool is centred between two pixels
            self.reach += stride / 2
            stride *= 2
            if stage in (3, 4):
                self.features[f"pool{stage}"] = Feature(channels=channels, stride=stride, offset=offset)
        self.add_conv("fc6", nn.Conv2d(channels, fc_channels, 7, padding=fc_padding), batch_norm)
        self.add_conv("fc7", nn.Conv2d(fc_channels, fc_channels, 1), batch_norm)
        offset += stride * (3 - fc_padding)
        self.reach += stride * 3  # 201.5 pixels in all: the receptive field of 404
        self.features["fc7"] = Feature(channels=fc_channels, stride=stride, offset=offset)
        # Caffe rounds the size of a pooled map up (pooling_layer.cpp).
        self.pool = nn.MaxPool2d(2, stride=2, ceil_mode=True)
        self.dropout = nn.Dropout(dropout)
        make_careful(self)

    def add_conv(self, name: str, conv: nn.Conv2d, batch_norm: bool) -> None:
        """Register a convolution under the paper's name, He-initialised, with its ReLU and batch norm if wanted."""
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
        if conv.bias is not None:
            nn.init.zeros_(conv.bias)
        self.add_module(name, conv)
        if batch_norm:
            self.add_module(f"{name}_bn", nn.BatchNorm2d(conv.out_channels))

    def layer(self, name: str, x: torch.Tensor) -> torch.Tensor:
        """One convolution, its batch norm if there is one, and its ReLU."""
        x = self.get_submodule(name)(x)
        norm = self._modules.get(f"{name}_bn")
        return nn.functional.relu(x if norm is None else norm(x), inplace=True)

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        """Run the backbone; see the class for names and shapes of what comes out."""
        maps, x = {}, image
        for stage, names in enumerate(self.stages, start=1):
            for name in names:
                x = self.layer(name, x)
            x = maps[f"pool{stage}"] = self.pool(x)  # (N, C, ceil(H / 2^stage), ...)
        x = self.dropout(self.layer("fc6", x))
        x = maps["fc7"] = self.dropout(self.layer("fc7", x))  # (N, fc_channels, ~H/32, ~W/32)
        return {name: maps[name] for name in self.features}
