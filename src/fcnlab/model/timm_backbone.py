"""Any timm model with features at strides 8, 16 and 32 as a backbone (the extra ``models``); offsets are measured."""

from collections.abc import Mapping
from typing import Annotated, Any

import torch
from annotated_types import Ge
from torch import nn

from fcnlab.error import UserError, import_extra, nearest, raised
from fcnlab.model.backbone import Backbone, Feature
from fcnlab.model.convolution import make_careful
from fcnlab.model.first_layer import find_first
from fcnlab.model.geometry import measure_offsets
from fcnlab.model.source import Expects

STRIDES = {"pool3": 8, "pool4": 16, "coarse": 32}
TRIED = (64, 96)  # an image of this size must give a feature of size / stride at every stride


class TimmBackbone(Backbone):
    """A timm model (N, in_channels, H, W) -> pool3, pool4, coarse: its last maps at strides 8, 16 and 32.

    Images are padded with zeros, the mean colour, on the right and below to whole elements of the coarsest map. The
    offsets are measured on the net's own layers and rounded to half a pixel.

    Args:
        name: of timm's models, as ``convnext_tiny``.
        pretrained: take timm's weights, downloaded once; a local file goes into ``weights=FILE`` instead.
        in_channels: 3 for RGB; timm fits its weights to other channels.
        options: more arguments of the timm model, as ``{drop_path_rate: 0.1}``.
    """

    coarse = "coarse"

    def __init__(
        self,
        *,
        name: str,
        pretrained: bool = False,
        in_channels: Annotated[int, Ge(1)] = 3,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.name, self.in_channels = name, in_channels
        self.net = create(name, pretrained=pretrained, in_chans=in_channels, **(options or {}))
        reductions = list(self.net.feature_info.reduction())
        if lacking := [stride for stride in STRIDES.values() if stride not in reductions]:
            raise UserError(
                f"model.backbone.name={name} has features at strides {reductions}, none at {lacking}. An FCN needs 8, "
                "16 and 32. Choose another model, as convnext_tiny or resnet50."
            )
        # The last feature of each stride.
        self.index = [len(reductions) - 1 - reductions[::-1].index(stride) for stride in STRIDES.values()]
        channels = [self.net.feature_info.channels()[index] for index in self.index]
        self.extra = 0
        self.last_axis = [False] * len(channels)  # of the features whose channels come last
        self.net.eval()
        self.check_sizes(channels)
        with torch.device("cpu"), torch.inference_mode(False), torch.enable_grad():  # whoever loads a checkpoint
            offsets = measure_offsets(self.maps, channels=in_channels, strides=list(STRIDES.values()))
        self.net.train()
        self.features = {
            key: Feature(channels=count, stride=stride, offset=round(2 * offset) / 2)
            for (key, stride), count, offset in zip(STRIDES.items(), channels, offsets, strict=True)
        }
        # Where an element lies left of its own pixels, the last pixels need one element more.
        self.extra = max(0, *(int(-feature.offset + 0.5) for feature in self.features.values()))
        first, self.first_norm = find_first(self)
        self.first = first or ""
        if pretrained:
            shown = self.net.pretrained_cfg if hasattr(self.net, "pretrained_cfg") else {}
            self.expects = Expects(**{key: shown[key] for key in ("mean", "std") if key in shown})
        make_careful(self)

    def check_sizes(self, channels: list[int]) -> None:
        """Raise UserError for a net that takes images of one size only, or whose features have other sizes."""
        height, width = TRIED
        try:
            with torch.no_grad():
                found = [self.net(torch.zeros(1, self.in_channels, height, width))[index] for index in self.index]
        except Exception as error:  # what a net raises that wants another size is its own
            raise UserError(
                f"model.backbone.name={self.name} does not take images of any size: on {height}x{width} it says "
                f"{raised(error)}. An FCN needs a net that does; some do with "
                "model.backbone.options={strict_img_size: false}."
            ) from error
        for axis, (feature, count, stride) in enumerate(zip(found, channels, STRIDES.values(), strict=True)):
            sizes = (height // stride, width // stride)
            self.last_axis[axis] = tuple(feature.shape[1:]) == (*sizes, count)
            if not self.last_axis[axis] and tuple(feature.shape[1:]) != (count, *sizes):
                raise UserError(
                    f"model.backbone.name={self.name} gives a feature {tuple(feature.shape)} of an image "
                    f"{height}x{width}, not (1, {count}, {sizes[0]}, {sizes[1]}), at stride {stride}. Choose another "
                    "model."
                )

    def maps(self, image: torch.Tensor) -> list[torch.Tensor]:
        """The three features (N, C, h, w) of an image whose sides are multiples of 32."""
        found = self.net(image)
        chosen = [found[index] for index in self.index]
        return [x.permute(0, 3, 1, 2) if last else x for x, last in zip(chosen, self.last_axis, strict=True)]

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        """Run the backbone; see the class for names and shapes of what comes out."""
        below, right = (-(size + self.extra) % 32 + self.extra for size in image.shape[-2:])
        padded = nn.functional.pad(image, (0, right, 0, below)) if below or right else image
        return dict(zip(STRIDES, self.maps(padded), strict=True))


def create(name: str, **settings: Any) -> Any:
    """A timm model that gives its features. Raises UserError where timm has none of this name, or cannot make it."""
    timm = import_extra("timm", "models", "A backbone of timm")
    if not isinstance(name, str) or not timm.is_model(name):
        close = nearest(str(name), timm.list_models()).partition(" Known: ")[0]
        close = close if close.startswith("Did you mean") else "timm.list_models() lists them."
        raise UserError(f"model.backbone.name={name} is no model of timm {timm.__version__}. {close}")
    try:
        return timm.create_model(name, features_only=True, **settings)
    except Exception as error:  # of the model's own code, or of a download
        raise UserError(
            f"model.backbone.name={name}: timm cannot make it with {settings}: {raised(error)}. "
            "Choose another model, or pretrained=false where weights cannot be fetched."
        ) from error
