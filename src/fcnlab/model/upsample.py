"""Upsampling as a transposed convolution with bilinear kernels (Long et al. 2015, section 3.3)."""

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import nn

from fcnlab.error import UserError
from fcnlab.model.backbone import Feature


def bilinear_ramp(size: int, centre: float | None = None) -> torch.Tensor:
    """One axis of the bilinear kernel (size,), as ``upsample_filt`` in the authors' surgery.py writes it.

    Args:
        centre: where its top lies; None: the authors', in the middle.
    """
    factor = (size + 1) // 2
    if centre is None:
        centre = (size - 1) / 2
    return 1 - (torch.arange(size) - centre).abs() / factor


def bilinear_kernel(size: int, centre: float | None = None) -> torch.Tensor:
    """The bilinear kernel (size, size): the ramp across times the ramp down."""
    return torch.outer(bilinear_ramp(size, centre), bilinear_ramp(size, centre))


class BilinearUpsample(nn.Module):
    """Upsample (N, C, h, w) by an integer ``factor``: each channel by itself, with a bilinear kernel.

    ``target_offset`` is the position where the result is needed. Where source and target differ by whole or half
    elements of the target, the kernel is the authors', of size ``2 * factor`` or ``2 * factor - 1``; else it is the
    same triangle, whose top lies between two taps. ``lies`` tells where the output lies; ``shift`` is how many pixels
    its first element lies before the target's (19 for FCN-32s with padding 100, negative if after).

    Fixed unless ``learned``: the authors saw no gain from learning it (their FAQ). A fixed kernel is no parameter,
    and as it is a product of two ramps the transposed convolution is two matrix products, rows then columns: the
    same numbers, 5 to 50 times sooner on a CPU.
    """

    def __init__(
        self, *, channels: int, source: Feature, factor: int, target_offset: float, learned: bool = False
    ) -> None:
        super().__init__()
        stride = source.stride // factor
        ahead = (source.offset - target_offset) / stride  # of the target's first element, in its own pixels
        self.shift = math.ceil(factor - 1 - ahead)
        self.centre = ahead + self.shift  # of the kernel's triangle, in [factor - 1, factor)
        self.factor, self.kernel = factor, 2 * factor - (self.centre == factor - 1)
        self.lies = replace(source, channels=channels, stride=stride, offset=target_offset - stride * self.shift)
        weight = bilinear_kernel(self.kernel, self.centre).expand(channels, 1, self.kernel, self.kernel)
        self.weight = nn.Parameter(weight.clone()) if learned else None

    def extent(self, cells: int) -> int:
        """How many pixels ``cells`` elements become, before anything is cut off."""
        return (cells - 1) * self.factor + self.kernel

    def sources(self, start: int, size: int, along: int) -> slice:
        """The elements, of ``along`` on an axis, that ``size`` pixels from ``start`` on are made of."""
        first, last = (start - self.kernel) // self.factor + 1, (start + size - 1) // self.factor
        return slice(max(0, first), min(along, last + 1))

    # What a module returns is untyped in torch; this says it once.
    __call__: Callable[..., torch.Tensor]

    def forward(self, score: torch.Tensor, *, start: int, height: int, width: int) -> torch.Tensor:
        """(N, C, h, w) -> (N, C, height, width), beginning ``start`` pixels into the upsampled map."""
        self.check(score, start=start, height=height, width=width)
        if self.weight is not None:
            full = nn.functional.conv_transpose2d(score, self.weight, stride=self.factor, groups=len(self.weight))
            return full[..., start : start + height, start : start + width]
        autocast = not score.is_meta and torch.is_autocast_enabled(score.device.type)
        if autocast:  # in 16 bits, one pixel in 250 would get another class
            with torch.autocast(score.device.type, enabled=False):
                return self.forward(score.float(), start=start, height=height, width=width)
        down = self.matrix(score, score.shape[-2], start, height)
        across = self.matrix(score, score.shape[-1], start, width)
        return down @ (score @ across.T)

    def check(self, score: torch.Tensor, *, start: int, height: int, width: int) -> None:
        """Raise UserError where (N, C, h, w) cannot become so many pixels."""
        for axis, size in ((-2, height), (-1, width)):
            if start + size > self.extent(score.shape[axis]):
                raise UserError(
                    f"{score.shape[axis]} elements become {self.extent(score.shape[axis])} pixels, but {start} + "
                    f"{size} are needed. The backbone's padding is too small: use padding=same or padding=100."
                )

    def matrix(self, score: torch.Tensor, cells: int, start: int, size: int) -> torch.Tensor:
        """One axis of the transposed convolution as a matrix (size, cells)."""
        pixel = torch.arange(start, start + size, device=score.device)[:, None]
        tap = pixel - self.factor * torch.arange(cells, device=score.device)  # position in the kernel
        ramp = bilinear_ramp(self.kernel, self.centre).to(device=score.device, dtype=score.dtype)
        inside = (tap >= 0) & (tap < self.kernel)
        return torch.where(inside, ramp[tap.clamp(0, self.kernel - 1)], 0)
