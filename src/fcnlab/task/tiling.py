"""Large images in bounded memory: what the net gives the whole image, worked out tile by tile."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from fcnlab.metric.segmentation import most_likely
from fcnlab.model.heads import Found, alone, by_name

Score = Callable[[torch.Tensor], Found]  # image (N, 3, h, w) -> logits (N, C, h, w)
Window = tuple[Any, slice, slice]  # all of an array but for its last two axes


def label_in_tiles(score: Score, image: torch.Tensor, *, side: int, overlap: int) -> Found:
    """Labels (N, H, W) uint8 of an image (N, 3, H, W), of which ``score`` sees one square after the other.

    Every square is seen with ``overlap`` pixels around it, as far as the image goes, of which the labels are thrown
    away: what a pixel's score depends on is then all there. Memory goes with ``(side + 2 * overlap) ** 2``.

    Args:
        side, overlap: pixels; both multiples of the net's coarsest stride, so that the grids of all tiles agree.
    """
    whole: dict[str, torch.Tensor] = {}
    for inner, seen, cut in tiles(image.shape[-2:], side, overlap):
        for name, logits in by_name(score(image[seen])).items():
            if name not in whole:
                whole[name] = image.new_empty((len(image), *image.shape[-2:]), dtype=torch.uint8)
            whole[name][inner] = most_likely(logits[cut]).to(torch.uint8)
    return alone(whole)


def tiles(size: torch.Size, side: int, overlap: int) -> Iterator[tuple[Window, Window, Window]]:
    """Every tile of an image: its position, that of what is seen for it, and its position within that."""
    for top, bottom, above, below in cuts(size[0], side, overlap):
        for left, right, before, after in cuts(size[1], side, overlap):
            inner = slice(top, bottom), slice(left, right)
            cut = slice(top - above, bottom - above), slice(left - before, right - before)
            yield (..., *inner), (..., slice(above, below), slice(before, after)), (..., *cut)


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

    def forward(self, image: torch.Tensor) -> Found:
        """Put the logits of all tiles together."""
        if not self.cuts_up(image):
            return alone(self.score(image))
        if self.overlap is None:
            return self.blend(image)
        size, whole = image.shape[-2:], dict[str, torch.Tensor]()
        for inner, seen, cut in tiles(size, self.side, self.overlap):
            for name, logits in self.score(image[seen]).items():
                if name not in whole:  # once: it may be the largest map of all
                    whole[name] = logits.new_empty((*logits.shape[:2], *size))
                whole[name][inner] = logits[cut]
        return alone(whole)

    def label(self, image: torch.Tensor) -> Found:
        """The labels (N, H, W); where the tiles are exact, the logits of the whole image never exist."""
        if self.overlap is None or not self.cuts_up(image):
            return alone({name: most_likely(logits) for name, logits in by_name(self(image)).items()})
        return label_in_tiles(self.score, image, side=self.side, overlap=self.overlap)

    @property
    def overlap(self) -> int | None:
        """How many pixels around a tile its logits depend on; None: not known."""
        found = getattr(self.net, "overlap", None)
        return None if found is None else int(found)

    def cuts_up(self, image: torch.Tensor) -> bool:
        """Whether an image is so large that it pays."""
        return max(image.shape[-2:]) > self.side + (self.overlap or 0)

    def blend(self, image: torch.Tensor) -> Found:
        """The weighted mean of overlapping windows."""
        height, width = image.shape[-2:]
        whole, total = dict[str, torch.Tensor](), image.new_zeros(height, width, dtype=torch.float32)
        for rows in windows(height, self.side):
            for columns in windows(width, self.side):
                weight = torch.outer(*(tent(s.stop - s.start).to(total) for s in (rows, columns)))
                for name, logits in self.score(image[..., rows, columns]).items():
                    if name not in whole:
                        whole[name] = logits.new_zeros((*logits.shape[:2], height, width))
                    whole[name][..., rows, columns] += logits * weight
                total[rows, columns] += weight
        return alone({name: sums / total for name, sums in whole.items()})

    def score(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        """The net's logits in 32 bits by head; what only its training uses is left out."""
        return {name: logits.float() for name, logits in by_name(self.net(image)).items() if name != "aux"}


def windows(length: int, side: int) -> Iterator[slice]:
    """Windows of an axis that overlap by half or more."""
    last = max(0, length - side)
    for begin in (*range(0, last, max(1, side // 2)), last):
        yield slice(begin, min(begin + side, length))


def tent(length: int) -> torch.Tensor:
    """Weights (length,) that fall from the middle to the edges, never to zero."""
    ramp = torch.arange(1, length + 1, dtype=torch.float32)
    return torch.minimum(ramp, ramp.flip(0)) / length
