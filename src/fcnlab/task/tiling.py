"""Large images in bounded memory: the labels that the net gives the whole image, worked out tile by tile."""

from collections.abc import Callable, Iterator

import torch

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
