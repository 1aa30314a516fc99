"""Large images in bounded memory: what the net gives the whole image, worked out tile by tile."""

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import nn

from fcnlab.error import UserError
from fcnlab.metric.segmentation import most_likely

Score = Callable[[torch.Tensor], torch.Tensor]  # image (N, 3, h, w) -> logits (N, C, h, w)


def label_in_tiles(score: Score, image: torch.Tensor, *, side: int, overlap: int) -> torch.Tensor:
    """Labels (N, H, W) uint8 of an image (N, 3, H, W), of which ``score`` sees one square after the other.

    Every square is seen with ``overlap`` pixels around it, as far as the image goes, of which the labels are thrown
    away: what a pixel's score depends on is then all there. Memory goes with ``(side + 2 * overlap) ** 2``.

    Args:
        side, overlap: pixels; both multiples of the net's coarsest stride, so that the grids of all tiles agree.
    """
    height, width = image.shape[-2:]
    labels = torch.empty((len(image), height, width), dtype=torch.uint8, device=image.device)
    for top, bottom, above, below in cuts(height, side, overlap):
        for left, right, before, after in cuts(width, side, overlap):
            logits = score(image[..., above:below, before:after])
            inner = logits[..., top - above : bottom - above, left - before : right - before]
            labels[:, top:bottom, left:right] = most_likely(inner).to(torch.uint8)
    return labels


def cuts(length: int, side: int, overlap: int) -> Iterator[tuple[int, int, int, int]]:
    """Begin and end of every tile of an axis, and of what is seen for it."""
    for begin in range(0, length, side):
        end = min(begin + side, length)
        yield begin, end, max(0, begin - overlap), min(length, end + overlap)


def label_at_size(logits: torch.Tensor, size: torch.Size) -> torch.Tensor:
    """Labels (N, H, W) uint8 of logits (N, C, h, w) brought to ``size`` bilinearly, one class after the other.

    All classes at full size at once would take C * H * W floats: 2 GB for 21 classes on 6000x4000 pixels.
    """
    best, labels = torch.tensor(-torch.inf), torch.zeros((len(logits), *size), dtype=torch.uint8, device=logits.device)
    best = best.to(logits).expand(labels.shape)
    for label in range(logits.shape[1]):
        one = logits[:, label : label + 1].contiguous()
        full = torch.nn.functional.interpolate(one, size=size, mode="bilinear", align_corners=False)[:, 0]
        labels.masked_fill_(full > best, label)
        best = torch.maximum(best, full)
    return labels


class TiledNet(nn.Module):
    """The logits (N, C, H, W) of a net that sees an image (N, c, H, W) tile by tile.

    Exact to rounding where the net knows its reach (``overlap``). Elsewhere the windows overlap by half, and their
    logits are blended, each counting less towards its edge: near the original, not equal.

    Args:
        side: pixels; a multiple of the net's coarsest stride.
    """

    def __init__(self, net: nn.Module, *, side: int) -> None:
        super().__init__()
        self.net, self.side = net, side

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Put the logits of all tiles together."""
        if not self.cuts_up(image):
            return self.score(image)
        if self.overlap is None:
            return self.blend(image)
        height, width, whole = *image.shape[-2:], None
        for top, bottom, above, below in cuts(height, self.side, self.overlap):
            for left, right, before, after in cuts(width, self.side, self.overlap):
                logits = self.score(image[..., above:below, before:after])
                whole = logits.new_empty((*logits.shape[:2], height, width)) if whole is None else whole
                inner = logits[..., top - above : bottom - above, left - before : right - before]
                whole[..., top:bottom, left:right] = inner
        assert whole is not None
        return whole

    def label(self, image: torch.Tensor) -> torch.Tensor:
        """The labels (N, H, W); where the tiles are exact, the logits of the whole image never exist."""
        if self.overlap is None or not self.cuts_up(image):
            return most_likely(self(image))
        return label_in_tiles(self.score, image, side=self.side, overlap=self.overlap)

    @property
    def overlap(self) -> int | None:
        """How many pixels around a tile its logits depend on; None: not known."""
        found = getattr(self.net, "overlap", None)
        return None if found is None else int(found)

    def cuts_up(self, image: torch.Tensor) -> bool:
        """Whether an image is so large that it pays."""
        return max(image.shape[-2:]) > self.side + (self.overlap or 0)

    def blend(self, image: torch.Tensor) -> torch.Tensor:
        """The weighted mean of overlapping windows."""
        height, width = image.shape[-2:]
        whole, total = None, image.new_zeros(height, width, dtype=torch.float32)
        for rows in windows(height, self.side):
            for columns in windows(width, self.side):
                logits = self.score(image[..., rows, columns])
                weight = torch.outer(*(tent(s.stop - s.start).to(logits) for s in (rows, columns)))
                whole = logits.new_zeros((*logits.shape[:2], height, width)) if whole is None else whole
                whole[..., rows, columns] += logits * weight
                total[rows, columns] += weight
        assert whole is not None
        return whole / total

    def score(self, image: torch.Tensor) -> torch.Tensor:
        """The net's logits in 32 bits."""
        return by_name(self.net(image))["out"].float()


def windows(length: int, side: int) -> Iterator[slice]:
    """Windows of an axis that overlap by half or more."""
    last = max(0, length - side)
    for begin in (*range(0, last, max(1, side // 2)), last):
        yield slice(begin, min(begin + side, length))


def tent(length: int) -> torch.Tensor:
    """Weights (length,) that fall from the middle to the edges, never to zero."""
    ramp = torch.arange(1, length + 1, dtype=torch.float32)
    return torch.minimum(ramp, ramp.flip(0)) / length


def by_name(found: torch.Tensor | Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """What a net gives, by name: ``out`` and, where it has such, ``aux``."""
    if not isinstance(found, Mapping):
        return {"out": found}
    if "out" not in found:
        raise UserError(f"The net gives {', '.join(map(str, found))}, but no 'out': its logits (N, C, H, W).")
    return dict(found)


def checked_tile(tile: object) -> int | None:
    """The side of a tile, if it fits the grids of the nets."""
    if tile is not None and (not isinstance(tile, int) or tile < 32 or tile % 32):
        raise UserError(f"tile={tile} must be a multiple of 32 pixels, the coarsest stride, or null.")
    return tile
