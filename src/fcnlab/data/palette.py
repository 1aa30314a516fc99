"""Colours of labels: VOC's where a data set has none of its own, and those that palette files say."""

from pathlib import Path
from typing import Any

import numpy as np

from fcnlab.data.contents import count_labels
from fcnlab.error import UserError

Indices = np.ndarray[Any, np.dtype[np.uint8]]


def voc_palette(classes: int) -> list[list[int]]:
    """PASCAL VOC's colour map: the bits of the label, spread over the high bits of red, green and blue."""
    colours = []
    for label in range(classes):
        colour = [0, 0, 0]
        for bit in range(8):
            for channel in range(3):
                colour[channel] |= (label >> (3 * bit + channel) & 1) << (7 - bit)
        colours.append(colour)
    return colours


class PaletteLog:
    """The colours of every label in palette files: one label with two colours is another class in each file."""

    def __init__(self) -> None:
        self.seen: dict[int, tuple[tuple[int, ...], Path]] = {}

    def check(self, values: Indices, palette: Indices, path: Path) -> None:
        """Take note of a mask (H, W) with its palette (n, 3). Raises UserError where an earlier one contradicts it."""
        for label in np.flatnonzero(count_labels(values)[: len(palette)]).tolist():
            colour = tuple(palette[label].tolist())
            before, other = self.seen.setdefault(label, (colour, path))
            if before != colour:
                (one, first), (two, second) = sorted(((str(other), before), (str(path), colour)))
                raise UserError(
                    f"Masks {one} and {two} have different palettes: label {label} is {first} in the one and "
                    f"{second} in the other. If the colours tell the classes, give them: data.colours=[...]; if the "
                    "labels do, whatever their colours, type data.palettes=any."
                )

    def merge(self, other: "PaletteLog") -> None:
        """Take note of what another process has seen. Raises UserError where it contradicts what was seen here."""
        for label, (colour, path) in other.seen.items():
            self.check(np.array([[label]], np.uint8), np.full((label + 1, 3), colour, np.uint8), path)
