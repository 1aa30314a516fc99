"""FCN-32s, FCN-16s, FCN-8s and at-once: one net whose skips are the difference (Long, Shelhamer, Darrell 2015)."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import torch
from annotated_types import Ge
from torch import nn

from fcnlab.cli.checked import Checked
from fcnlab.error import UserError, kind, nearest
from fcnlab.model.backbone import Backbone, check_channels
from fcnlab.model.heads import check_head_names
from fcnlab.model.upsample import BilinearUpsample


class Scoring(Checked, nn.Module):
    """What lies above a backbone: the scores of its features, fused from coarse to fine, brought to the image's size.

    The layers have the paper's names. ``FCN`` has them beside its backbone; a ``Head`` has a second set of them.
    """

    def add_layers(
        self,
        backbone: Backbone,
        *,
        num_classes: int,
        skips: Sequence[str],
        skip_scale: Mapping[str, float],
        learned_upsampling: bool,
    ) -> None:
        """Register score layers and upsamplings; see :class:`FCN` for the arguments."""
        self.num_classes, self.coarse = num_classes, backbone.coarse
        self.skips, self.skip_scale = tuple(skips), dict(skip_scale)
        coarse = backbone.features[backbone.coarse]
        self.score_fr = ScoreLayer(coarse.channels, num_classes)
        self.upsamplings: list[str] = []
        at, before = coarse, ""  # where the score lies, and the skip fused before
        for skip in self.skips:
            feature = backbone.features[skip]
            factor = at.stride // feature.stride
            upsample = BilinearUpsample(
                channels=num_classes, source=at, factor=factor, target_offset=feature.offset, learned=learned_upsampling
            )
            self.add_upsampling(f"upscore_{before}" if before else f"upscore{factor}", upsample)
            self.add_module(f"score_{skip}", ScoreLayer(feature.channels, num_classes))
            # A positive shift cuts the score down to the skip; a negative one cuts the skip and leaves the score.
            at, before = (feature if upsample.shift >= 0 else upsample.lies), skip
        last = BilinearUpsample(channels=num_classes, source=at, factor=at.stride, target_offset=0.0)
        self.add_upsampling(f"upscore{at.stride}" if self.skips else "upscore", last)

    def add_upsampling(self, name: str, upsample: BilinearUpsample) -> None:
        """Register an upsampling under the paper's name; they run in the order in which they are added."""
        self.add_module(name, upsample)
        self.upsamplings.append(name)

    def score(self, features: Mapping[str, torch.Tensor], size: torch.Size, upsampled: bool = True) -> torch.Tensor:
        """Features by name -> logits (N, num_classes, H, W) at ``size``, or the score before the last upsampling."""
        score: torch.Tensor = self.score_fr(features[self.coarse])  # (N, C, H/32, W/32)
        for skip, upsampling in zip(self.skips, self.upsamplings, strict=False):
            fine = self.get_submodule(f"score_{skip}")(features[skip] * self.skip_scale.get(skip, 1.0))
            score = fuse(score, fine, self.upsampling(upsampling))  # (N, C, H/16, W/16), then (N, C, H/8, W/8)
        if not upsampled:
            return score
        last = self.last_upsampling
        return last(score, start=last.shift, height=size[-2], width=size[-1])  # (N, C, H, W)

    @property
    def last_upsampling(self) -> BilinearUpsample:
        """What brings the score to the image's size; fixed in every net."""
        return self.upsampling(self.upsamplings[-1])

    def upsampling(self, name: str) -> BilinearUpsample:
        """One of ``self.upsamplings``."""
        module = self.get_submodule(name)
        assert isinstance(module, BilinearUpsample)
        return module


class Head(Scoring):
    """A further labelling of the same image, from the same features; arguments as those of :class:`FCN`."""

    def __init__(self, backbone: Backbone, **layers: Any) -> None:
        super().__init__()
        self.add_layers(backbone, **layers)


class FCN(Scoring):
    """Score every pixel: image (N, in_channels, H, W) -> logits (N, num_classes, H, W), any H and W >= 1.

    With further heads: -> {``out``: the logits (N, num_classes, H, W), each head's name: its own (N, C', H, W)}.

    Args:
        num_classes: channels of the output, C.
        backbone: gives the features; see :class:`fcnlab.model.backbone.Backbone`.
        skips: features fused into the coarse score, coarse before fine: none is FCN-32s, ``[pool4]`` FCN-16s,
            ``[pool4, pool3]`` FCN-8s.
        skip_scale: factors on the skips before they are scored; ``{pool4: 0.01, pool3: 0.0001}`` is at-once. What was
            measured over one backbone stands under its name and holds over no other: ``{vgg16: {pool4: 0.01}}``.
        learned_upsampling: learn the upsampling between fusions (the CVPR paper) or keep it bilinear (the authors'
            released nets). The last one, to full size, is always fixed.
        heads: further labellings of every image by name, with their numbers of classes: ``{geometric: 3}``. Each has
            score layers and skips of its own over the one backbone (the paper's SIFT Flow net). ``data.heads`` names
            the masks that they learn from.
        name: what tables and run folders call this net.
    """

    def __init__(
        self,
        *,
        num_classes: Annotated[int, Ge(1)],
        backbone: Backbone,
        skips: Sequence[str] = (),
        skip_scale: Mapping[str, float | Mapping[str, float]] | None = None,
        learned_upsampling: bool = False,
        heads: Mapping[str, Annotated[int, Ge(1)]] | None = None,
        name: str = "fcn",
    ) -> None:
        super().__init__()
        if not isinstance(backbone, Backbone):
            raise UserError(
                f"model.backbone builds {kind(backbone)}. It must be a fcnlab.model.backbone.Backbone. One of timm's: "
                "model/backbone=timm model.backbone.name=resnet18. A whole net of another library: model=foreign "
                "model.net={_target_: ...}."
            )
        self.name, self.backbone = name, backbone
        scales = scales_over(backbone.name, skip_scale or {})
        check_skips(backbone, skips, scales)
        layers: dict[str, Any] = {"skips": skips, "skip_scale": scales, "learned_upsampling": learned_upsampling}
        self.add_layers(backbone, num_classes=num_classes, **layers)
        check_head_names(heads or {}, "model.heads")
        self.heads = nn.ModuleDict(
            {head: Head(backbone, num_classes=classes, **layers) for head, classes in (heads or {}).items()}
        )

    @property
    def overlap(self) -> int | None:
        """How many pixels a tile of an image needs around itself to be scored as in the whole; None if unknown.

        What the coarse score sees, and two of its elements that upsampling mixes in; a multiple of its stride.
        """
        if self.backbone.reach is None:
            return None
        stride = self.backbone.features[self.backbone.coarse].stride
        return stride * math.ceil(self.backbone.reach / stride + 2)

    def forward(self, image: torch.Tensor, upsampled: bool = True) -> torch.Tensor | dict[str, torch.Tensor]:
        """Backbone, skips, upsample: the paper's Figure 3. Not ``upsampled``: the score before the last upsampling."""
        check_channels(image.shape[1], self.backbone.in_channels)
        features = self.backbone(image)
        out = self.score(features, image.shape[-2:], upsampled)
        more = {
            name: head.score(features, image.shape[-2:], upsampled)
            for name, head in self.heads.items()
            if isinstance(head, Head)
        }
        return {"out": out} | more if more else out

    # What a module returns is untyped in torch; this says it once, for the nets of one head that most are.
    __call__: Callable[..., torch.Tensor]


def check_skips(backbone: Backbone, skips: Sequence[str], scales: Mapping[str, float]) -> None:
    """Skips must be features of the backbone, each finer than the one before; scales must belong to skips."""
    features = {k: v for k, v in backbone.features.items() if k != backbone.coarse}
    strides = [backbone.features[backbone.coarse].stride]
    for skip in skips:
        if skip not in features:
            raise UserError(f"Unknown skip {skip!r}: this backbone does not offer it. {nearest(skip, features)}")
        strides.append(features[skip].stride)
    if any(coarse <= fine for coarse, fine in itertools.pairwise(strides)):
        raise UserError(f"skips={list(skips)} have strides {strides[1:]}. List them from coarse to fine.")
    for skip in scales:
        if skip not in skips:
            raise UserError(f"skip_scale names {skip!r}, which is not a skip. {nearest(skip, skips)}")


def scales_over(backbone: str, scales: Mapping[str, float | Mapping[str, float]]) -> dict[str, float]:
    """The factors by skip that hold over a backbone: those under its name, and those under no name."""
    chosen = scales.get(backbone)
    own = dict(chosen) if isinstance(chosen, Mapping) else {}
    return own | {skip: scale for skip, scale in scales.items() if not isinstance(scale, Mapping)}


def fuse(coarse: torch.Tensor, fine: torch.Tensor, upsample: BilinearUpsample) -> torch.Tensor:
    """Upsample ``coarse`` (N, C, h, w) and add ``fine`` (N, C, ~2h, ~2w), each element above its own pixels."""
    if upsample.shift >= 0:
        return upsample(coarse, start=upsample.shift, height=fine.shape[-2], width=fine.shape[-1]) + fine
    top, height, width = -upsample.shift, upsample.extent(coarse.shape[-2]), upsample.extent(coarse.shape[-1])
    return upsample(coarse, start=0, height=height, width=width) + fine[..., top : top + height, top : top + width]


class ScoreLayer(nn.Module):
    """A 1x1 convolution that mixes channels at each position: (N, channels, h, w) -> (N, num_classes, h, w).

    Weight and bias begin at zero, as in the paper's section 4.3. The bias is added after the convolution: on Intel CPUs
    with AMX, torch 2.14.1 writes past its memory in the bfloat16 backward pass of a 1x1 convolution with a bias, more
    than 2,048 inputs and fewer than 16 outputs, which ``score_fr`` would be for every data set of fewer classes.
    """

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(num_classes, channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(num_classes))

    def forward(self, feature: torch.Tensor) -> torch.Tensor:
        """The class scores of a feature map."""
        return nn.functional.conv2d(feature, self.weight) + self.bias[:, None, None]
