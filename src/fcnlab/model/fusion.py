"""Late fusion: several FCNs, each over channels of its own, whose scores are averaged (Long et al. 2015, Table 4)."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import torch
from annotated_types import Ge
from torch import nn

from fcnlab.cli.compose import build
from fcnlab.error import UserError
from fcnlab.model.fcn import FCN
from fcnlab.model.heads import check_head_names
from fcnlab.model.upsample import BilinearUpsample


class LateFusion(nn.Module):
    """Image (N, c, H, W), whose channels are shared out -> logits (N, num_classes, H, W), any H and W >= 1.

    Each stream is a whole FCN that sees its own channels. The mean of their scores is upsampled: half of each, as in
    the authors' nyud-fcn32s-color-hha/net.py. ``weights={color: RUN/checkpoints/last.ckpt, hha: ...}`` starts every
    stream from its trained single net.

    Args:
        num_classes: channels of the output, C.
        streams: channels of each by name, in the order of the image's, as ``{color: 3, hha: 3}``.
        backbone: the config of each stream's backbone, built here once per stream.
        skips, skip_scale, learned_upsampling: of each stream; see :class:`FCN`.
        name: what tables and run folders call this net.
    """

    def __init__(
        self,
        *,
        num_classes: Annotated[int, Ge(1)],
        streams: Mapping[str, Annotated[int, Ge(1)]],
        backbone: Mapping[str, Any],
        skips: Sequence[str] = (),
        skip_scale: Mapping[str, float | Mapping[str, float]] | None = None,
        learned_upsampling: bool = False,
        name: str = "late_fusion",
    ) -> None:
        super().__init__()
        check_head_names(streams, "model.streams")
        if len(streams) < 2:
            raise UserError(f"model.streams={dict(streams)} fuses nothing. Name two or more, as {{color: 3, hha: 3}}.")
        self.num_classes, self.name, self.streams = num_classes, name, dict(streams)
        layers: dict[str, Any] = {"skips": skips, "skip_scale": skip_scale, "learned_upsampling": learned_upsampling}
        self.nets = nn.ModuleDict(
            {
                stream: FCN(num_classes=num_classes, backbone=build({**backbone, "in_channels": channels}), **layers)
                for stream, channels in self.streams.items()
            }
        )

    def each(self) -> list[FCN]:
        """The nets of the streams, in the order of their channels."""
        return [net for net in self.nets.values() if isinstance(net, FCN)]

    @property
    def overlap(self) -> int | None:
        """How many pixels a tile of an image needs around itself to be scored as in the whole; None if unknown."""
        return self.each()[0].overlap

    @property
    def last_upsampling(self) -> BilinearUpsample:
        """What brings the fused score to the image's size; the streams have the same."""
        return self.each()[0].last_upsampling

    def forward(self, image: torch.Tensor, upsampled: bool = True) -> torch.Tensor:
        """Score each stream, average, upsample. Not ``upsampled``: the fused score before the last upsampling."""
        if image.shape[1] != (total := sum(self.streams.values())):
            shares = ", ".join(f"{name} {channels}" for name, channels in self.streams.items())
            raise UserError(
                f"The images have {image.shape[1]} channels, but model.streams shares out {total}: {shares}. Set "
                "data.input and data.channels, or model.streams, so that they agree."
            )
        parts = torch.split(image, list(self.streams.values()), dim=1)
        scores = [net(part, upsampled=False) for net, part in zip(self.each(), parts, strict=True)]
        score = torch.stack(scores).mean(0)  # (N, C, H/32, W/32)
        if not upsampled:
            return score
        last = self.last_upsampling
        return last(score, start=last.shift, height=image.shape[-2], width=image.shape[-1])  # (N, C, H, W)
