"""Two calls that torch 2.14.1 computes wrongly in bfloat16 on a CPU, and a convolution that avoids them."""

import torch
from torch import nn


def overruns(conv: nn.Conv2d) -> bool:
    """Whether the backward pass of this convolution can write past its memory.

    On Intel CPUs with AMX it does so in bfloat16, for a kernel of 1x1 with a bias, more than 2,048 inputs and fewer
    than 16 outputs. A segmentation fault follows, or nothing that is seen.
    """
    return conv.kernel_size == (1, 1) and conv.bias is not None and conv.in_channels > 2048 and conv.out_channels < 16


def least_size(conv: nn.Conv2d, axis: int) -> int:
    """The size of a map at which each weight meets the map, where ``conv`` pads on both sides by half its kernel.

    Weights that only ever meet padding have gradient 0. In bfloat16 on a CPU torch returns for them what was in memory,
    nan among it: for VGG16's fc6 on images below 97 pixels, or for a kernel that is dilated further than its map.
    """
    reach = conv.dilation[axis] * (conv.kernel_size[axis] - 1) // 2
    if isinstance(conv.padding, str) or conv.padding[axis] != reach or reach == 0:
        return 0
    return -(-reach // conv.stride[axis]) * conv.stride[axis] + 1


class CarefulConv2d(nn.Conv2d):
    """A convolution that avoids both: its bias is added outside, and a map that is too small gets zeros below and to
    the right, which change no result, in training.
    """

    def _conv_forward(self, input: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        outside = bias is not None and overruns(self)
        lacks = [max(0, least_size(self, axis) - input.shape[axis - 2]) if self.training else 0 for axis in (0, 1)]
        padded = nn.functional.pad(input, (0, lacks[1], 0, lacks[0])) if any(lacks) else input
        y: torch.Tensor = super()._conv_forward(padded, weight, None if outside else bias)
        if any(lacks):
            height, width = ((n - 1) // stride + 1 for n, stride in zip(input.shape[-2:], self.stride, strict=True))
            y = y[..., : height if lacks[0] else None, : width if lacks[1] else None]
        return y if bias is None or not outside else y + bias[:, None, None]


def make_careful(net: nn.Module) -> None:
    """Let the convolutions of any net avoid both calls; names, parameters and results stay as they are."""
    for conv in net.modules():
        if type(conv) is not nn.Conv2d or conv.padding_mode != "zeros":
            continue
        if overruns(conv) or any(least_size(conv, axis) > 0 for axis in (0, 1)):
            conv.__class__ = CarefulConv2d
