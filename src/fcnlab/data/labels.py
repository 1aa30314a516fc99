"""From what mask files hold to class indices: labels merged, shifted or looked up, colours, and what is void."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fcnlab.data.class_list import ClassList, Colour
from fcnlab.data.colours import (
    UNKNOWN,
    as_colours_of,
    brightness,
    colour_table,
    describe_colours,
    packed,
    refuse_hidden,
    refuse_near,
)
from fcnlab.data.contents import Counts, count_labels
from fcnlab.data.label_settings import colour_groups, label_groups, split_void
from fcnlab.data.masks import MaskFile, Stored, as_labels
from fcnlab.data.samples import VOID
from fcnlab.data.transforms import Mask
from fcnlab.data.unknown_labels import unknown
from fcnlab.error import UserError


class Labels:
    """How mask files are read.

    Args:
        classes: names, and the labels and colours that were written beside them.
        labels: what the files hold for each class, in their order: [0, 38, 75], several as [0, [1, 2], 3]; or
            {label: name}, in which void may be a name. None: what ``classes`` says.
        colours: true reads masks in colour, by the colours that ``classes`` says; or one colour or more per class.
        void_label: what counts nowhere: a label, which may be negative as in torch, a colour, a list of them, or
            ``rest``: whatever no class has. 255 is void besides, unless a class has it.
        shift: is added to every label of the files first; what falls below 0 is void. -1 is ADE20K's habit.
        tolerance: how far each channel of a colour may be from its class's.
        threshold: for two classes: what is brighter is the second. The one way to read masks of lossy compression.
    """

    def __init__(
        self,
        classes: ClassList,
        *,
        labels: Sequence[Any] | Mapping[Any, str] | None = None,
        colours: Sequence[Any] | bool | None = None,
        void_label: Any = VOID,
        shift: int = 0,
        tolerance: int = 0,
        threshold: int | None = None,
    ) -> None:
        self.names = classes.names
        for key, value, low, high in (("shift", shift, -65535, 65535), ("tolerance", tolerance, 0, 127)):
            if type(value) is not int or not low <= value <= high:
                raise UserError(f"data.{key}={value} must be a whole number, {low} to {high}.")
        if threshold is not None and (type(threshold) is not int or not 0 <= threshold <= 254 or len(self.names) != 2):
            raise UserError(
                f"data.threshold={threshold} must be a whole number, 0 to 254, and needs two classes; there are "
                f"{len(self.names)}."
            )
        if sum((labels is not None, colours not in (None, False), threshold is not None)) > 1:
            raise UserError(
                "Of data.labels, data.colours and data.threshold only one can be given: they exclude each other."
            )
        self.told, self.shift, self.tolerance, self.threshold = labels is not None, shift, tolerance, threshold
        if shift and (self.told or classes.written):
            raise UserError(
                f"data.shift={shift} is for labels that count up from 0 or 1. Where data.labels or the file of classes "
                "says the labels, leave it out."
            )
        self.void, void_colours, self.rest = split_void(void_label)
        self.groups, more = label_groups(labels, classes, shift)
        self.known_colours, self.colours = classes.colours is not None, None
        if colours not in (None, False):
            self.colours, self.void_colours = colour_groups(colours, classes), (*void_colours, *classes.void_colours)
            refuse_near(self.colours, self.names, tolerance)
        elif void_colours:
            raise UserError(f"data.void_label={void_label} names a colour, but labels are read: set data.colours.")
        taken = {label for group in self.groups for label in group}
        clash = sorted(self.void & taken - {VOID})
        if clash and (self.told or classes.written):
            name = next(name for name, group in zip(self.names, self.groups, strict=True) if clash[0] in group)
            raise UserError(f"Label {clash[0]} is both void (data.void_label) and {name}. It is one or the other.")
        self.void |= {*more, VOID}
        if VOID in taken:
            self.void.remove(VOID)
        self.table = self.look_up_table()

    def __repr__(self) -> str:
        """All that tells how masks are read."""
        how = (self.groups, sorted(self.void), self.rest, self.shift, self.threshold)
        return f"Labels{(*how, self.colours, self.colours and (self.void_colours, self.tolerance))}"

    @cached_property
    def signature(self) -> str:
        """What a fingerprint must know besides the masks: nothing, where they hold 0, 1, 2, ... and one void label."""
        plain = self.groups == tuple((label,) for label in range(len(self.names))) and len(self.void) < 3
        return "" if plain and self.reads_labels and not self.rest and not self.shift else repr(self)

    def look_up_table(self) -> np.ndarray[Any, np.dtype[np.int16]]:
        """Class by label of the file, (65536,) int16; 255 is void, -1 unknown."""
        table = np.full(65536, VOID if self.rest else UNKNOWN, np.int16)
        for index, group in enumerate(self.groups):
            for label in group:
                if 0 <= label - self.shift < 65536:
                    table[label - self.shift] = index
        if self.shift < 0:
            table[: -self.shift] = VOID
        table[sorted(label for label in self.void if label >= 0)] = VOID
        return table

    @property
    def colour_table(self) -> np.ndarray[Any, np.dtype[np.int16]]:
        """Class by colour, where colours are read."""
        return colour_table(self.colours or (), self.void_colours, self.tolerance, self.rest)

    @property
    def reads_labels(self) -> bool:
        """Whether the values of the files are labels, not colours or shades."""
        return self.colours is None and self.threshold is None

    @property
    def palette(self) -> list[Colour] | None:
        """One colour per class, where they are known."""
        return [group[0] for group in self.colours] if self.colours else None

    def raw(self, file: MaskFile, path: Path) -> Stored:
        """What of a mask file is looked up: (H, W) labels, or (H, W, 3) colours where colours are read."""
        values = file.values
        if values.dtype.kind == "i":
            values = self.without_negative(values, path)
        if self.threshold is not None:
            if file.scale == 1 and values.max(initial=0) == 1:
                raise UserError(f"Mask {path} holds 0 and 1, which are labels already. Leave data.threshold out.")
            shades = brightness(file)
            if file.alpha is not None and (shades > self.threshold).all() == (shades > self.threshold).any():
                raise UserError(
                    f"Mask {path} is all of one class by data.threshold={self.threshold}, but its transparency varies: "
                    "the drawing seems to be there. Save the transparency as a grey PNG."
                )
            return shades
        if self.colours is not None:
            if values.dtype != np.uint8:
                raise UserError(f"Mask {path} is grey of 16 bits, but colours are read. Leave data.colours out.")
            colours = as_colours_of(file)
            if file.alpha is not None:
                refuse_hidden(colours, file.alpha, path, self.colour_table)
            return colours
        if values.ndim == 3:
            told = self.told or not self.known_colours
            if told and file.alpha is None and (values == values[..., :1]).all():
                return np.ascontiguousarray(values[..., 0])  # grey, saved in three channels
            hint = (
                "data.colours=true reads the colours of data.classes"
                if self.known_colours
                else ("save it as an 8-bit grey or palette PNG, or give the classes' colours: data.colours=[...]")
            )
            raise UserError(
                f"Mask {path} has mode {file.mode}. A mask holds one class index per pixel, unless colours are read: "
                f"{hint}. It holds {describe_colours(values)}."
            )
        return values

    def without_negative(self, values: Stored, path: Path) -> Stored:
        """Labels (H, W) whose negative ones, which must be void, are 255 now."""
        below = values < 0
        strange = sorted({*np.unique(values[below]).tolist()} - self.void)
        if (strange and not self.rest) or VOID not in self.void or not self.reads_labels:
            hint = f"if it counts nowhere, set data.void_label={int(values.min())}"
            if VOID not in self.void or not self.reads_labels:
                hint = "save the mask anew with 8 bits"
            raise UserError(f"Mask {path} has labels {values.min()} to {values.max()}. No class is negative: {hint}.")
        return as_labels(np.where(below, VOID, values), f"Mask {path}")

    def index(self, raw: Stored, path: Path, others: Callable[[], set[int]] = set) -> Mask:
        """Class indices (H, W) uint8, void being 255. Raises UserError for a label or colour of no class.

        Args:
            others: the labels in other masks, for the hint.
        """
        if self.threshold is not None:
            return np.asarray(raw > self.threshold, dtype=np.uint8)
        if raw.ndim == 3:
            found = self.colour_table[packed(raw)]
        elif raw.dtype == np.uint8:
            found = cv2.LUT(raw, self.table[:256].reshape(1, 256)).reshape(raw.shape)
        else:
            found = self.table[raw]
        if found.size and found.min() == UNKNOWN:
            raise unknown(self, raw, np.asarray(found == UNKNOWN), path, others)
        return np.asarray(found, dtype=np.uint8)

    def count(self, raw: Stored, path: Path, others: Callable[[], set[int]] = set) -> Counts:
        """Pixels by class index, (256,): of what ``index`` gives, which a mask of 8 bits need not be drawn for."""
        if self.threshold is not None or raw.ndim == 3 or raw.dtype != np.uint8:
            return count_labels(self.index(raw, path, others))
        stored, classes = count_labels(raw), self.table[:256]
        if stored[classes == UNKNOWN].any():
            self.index(raw, path, others)  # raises
        pixels = np.zeros(256, np.int64)
        np.add.at(pixels, classes, stored)  # -1 is no class, and of no pixel
        return pixels
