"""Masks in colour: which class a colour is of, how near it must be, and how colours are told."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fcnlab.data.class_list import Colour
from fcnlab.data.masks import MaskFile, Stored
from fcnlab.data.samples import VOID
from fcnlab.data.transforms import Mask
from fcnlab.error import UserError

UNKNOWN = -1
HINTED = 8  # how far a colour may be from a class's for its tolerance to be hinted at
Groups = tuple[tuple[Colour, ...], ...]  # the colours of each class


def refuse_near(colours: Groups, names: Sequence[str], tolerance: int) -> None:
    """Raise UserError where a colour could be two classes'."""
    flat = [(colour, name) for name, group in zip(names, colours, strict=True) for colour in group]
    for number, (first, name) in enumerate(flat):
        for second, other in flat[:number]:
            apart = max(abs(a - b) for a, b in zip(first, second, strict=True))
            if name != other and apart <= 2 * tolerance:
                raise UserError(
                    f"The colours of {other} {second} and {name} {first} are {apart} apart: with data.tolerance="
                    f"{tolerance} a colour could be either's. Give each class its own colour, or less tolerance."
                )


@lru_cache(maxsize=2)
def colour_table(
    colours: Groups, void: tuple[Colour, ...], tolerance: int, rest: bool
) -> np.ndarray[Any, np.dtype[np.int16]]:
    """Class by colour, (2^24,) int16: 32 MB that make a look-up of every pixel's colour, however near it must be."""
    table = np.full((256, 256, 256), VOID if rest else UNKNOWN, np.int16)
    groups = [*((VOID, (colour,)) for colour in void), *enumerate(colours)]
    for index, group in groups:
        for colour in group:
            table[tuple(slice(max(0, one - tolerance), one + tolerance + 1) for one in colour)] = index
    return table.ravel()


def packed(colours: Stored) -> np.ndarray[Any, np.dtype[np.int32]]:
    """Colours (H, W, 3) as one number (H, W) each."""
    wide = colours.astype(np.int32)
    return np.asarray(wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2])


def brightness(file: MaskFile) -> Mask:
    """Grey of 0 to 255, of any kind of file."""
    values = as_colours_of(file) if file.palette is not None else file.values
    if values.ndim == 3:
        values = cv2.cvtColor(np.ascontiguousarray(values), cv2.COLOR_RGB2GRAY)
    return np.asarray(values >> 8 if values.dtype == np.uint16 else values * file.scale, dtype=np.uint8)


def as_colours_of(file: MaskFile) -> Stored:
    """The colours (H, W, 3) that a file of 8 bits shows."""
    if file.palette is not None:
        rest = np.zeros((256 - len(file.palette), 3), np.uint8)
        return np.asarray(np.concatenate([file.palette, rest])[file.values])
    if file.values.ndim == 3:
        return file.values
    return np.repeat((file.values * file.scale).astype(np.uint8)[..., None], 3, axis=2)


def describe_colours(values: Stored) -> str:
    """The most frequent colours of a mask."""
    codes, counts = np.unique(packed(values), return_counts=True)
    first = [int(code) for code in codes[np.argsort(-counts)][:6]]
    shown = ", ".join(f"({code >> 16}, {code >> 8 & 255}, {code & 255})" for code in first)
    return f"{len(codes)} colours, most often {shown}"


def refuse_hidden(values: Stored, alpha: Mask, path: Path, table: np.ndarray[Any, np.dtype[np.int16]]) -> None:
    """Raise UserError where transparency tells apart what the colours do not; where both are void, it does not matter.

    Args:
        table: class by colour; see ``colour_table``.
    """
    codes = packed(values)
    if (table[np.intersect1d(codes[alpha == 0], codes[alpha > 0])] != VOID).any():
        raise UserError(
            f"Mask {path} has transparent pixels of a colour that others show too, so the colour does not tell the "
            "class. Save it without transparency."
        )
