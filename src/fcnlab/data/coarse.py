"""What is left of a mask that is known by one label per cell of stride x stride pixels; ``upper_bound`` scores it."""

from functools import cache
from typing import Any

import numpy as np

from fcnlab.data.transforms import Mask

Ints = np.ndarray[Any, np.dtype[np.intp]]


def through_stride(mask: Mask, stride: int) -> Mask:
    """A mask (H, W) after it went through cells of ``stride`` pixels: see ``fcnlab.upper_bound.PROTOCOL``.

    Between four neighbouring cell centres only the labels of those four cells have votes, whose weights are the same
    in every such square. So which of the four wins at each pixel is a table by the order of their labels.
    """
    height, width = mask.shape
    cells = np.pad(majority(mask, stride), 1, mode="edge")  # beyond the border only the cells at the border vote
    four = np.stack([cells[:-1, :-1], cells[:-1, 1:], cells[1:, :-1], cells[1:, 1:]], -1)  # (R + 1, K + 1, 4)
    rank = (four[..., :, None] > four[..., None, :]).sum(-1)  # equal labels have equal ranks, the lowest has 0
    winner = winners(stride)[rank @ np.array([1, 4, 16, 64])]  # (R + 1, K + 1, stride, stride)
    rows, columns = four.shape[:2]
    square = np.arange(rows * columns).reshape(rows, columns, 1, 1) * 4
    fine = four.ravel()[square + winner].transpose(0, 2, 1, 3).reshape(rows * stride, columns * stride)
    top = (stride + 1) // 2  # the first square begins half a cell before the mask
    return np.asarray(fine[top : top + height, top : top + width])


def majority(mask: Mask, stride: int) -> Mask:
    """The label of most pixels in each cell (H / stride, W / stride), rounded up; of equals the lower, void last."""
    height, width = mask.shape
    rows, columns = -(-height // stride), -(-width // stride)
    labels = np.flatnonzero(np.bincount(mask.ravel(), minlength=256))
    index = np.zeros(256, np.intp)
    index[labels] = np.arange(len(labels))
    cell = (np.arange(height) // stride * columns)[:, None] + np.arange(width) // stride
    votes = np.bincount((cell * len(labels) + index[mask]).ravel(), minlength=rows * columns * len(labels))
    return np.asarray(labels[votes.reshape(rows, columns, -1).argmax(-1)], np.uint8)


@cache
def winners(stride: int) -> Ints:
    """Which of four cells wins at each pixel of the square between their centres, by their labels' ranks.

    Returns:
        (256, stride, stride) of 0 to 3: upper left, upper right, lower left, lower right. A row's number is the sum of
        the four ranks times 1, 4, 16, 64.
    """
    # Distances of pixels from the upper or left centre in units of 1 / (2 * stride): whole numbers, so that ties are
    # ties. An even stride has its centres between pixels.
    far = 2 * np.arange(stride) + (1 if stride % 2 == 0 else 0)
    near = 2 * stride - far
    weights = np.stack([np.outer(a, b) for a in (near, far) for b in (near, far)])  # (4, stride, stride)
    table = np.zeros((256, stride, stride), np.intp)
    for code in range(256):
        ranks = np.array([code // 4**i % 4 for i in range(4)])
        order = np.argsort(ranks, kind="stable")  # of equal votes the lower label wins
        votes = np.stack([weights[ranks == ranks[i]].sum(0) for i in order])
        table[code] = order[votes.argmax(0)]
    return table
