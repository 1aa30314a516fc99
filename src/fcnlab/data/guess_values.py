"""What mask files hold, for a guess: labels, colours, or shades of two classes; and how near to its class each is."""

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fcnlab.data.class_list import Colour
from fcnlab.data.colours import HINTED, as_colours_of, packed
from fcnlab.data.masks import MaskFile, Stored, read_mask_file
from fcnlab.data.opened import open_image
from fcnlab.error import UserError

MOST = 64  # labels or colours that one mask may hold
MAPPED = 255  # labels of a mask that is all areas
RADIUS = 16  # how far a colour may be from its class's in a mask that was blurred or made by hand
EDGE, FLAT = 32, 0.95  # shades: so much of all pixels is so near to black or white
STRAYS = 0.001  # of all pixels: colours that slipped in by hand
BETWEEN = 4  # shades without an area: no one draws so many classes of that kind
SAME = 0.8  # of two areas: so much of what either marks is marked by both
AREA = np.ones((3, 3), np.uint8)
JPEGS = (".jpg", ".jpeg")


@dataclass
class Seen:
    """What one mask, or all of a folder together, hold.

    Args:
        labels: pixels by label, where the files have one per pixel.
        colours: pixels by colour, as it is shown.
        palette: the colours that palette files give to their labels.
        solid: labels that fill an area somewhere, of grey files.
        labelled: whether every file has labels, which no two files colour differently.
        few: whether no file holds too many values for labels or colours of classes.
        lossy: whether a file's compression changes values.
    """

    labels: Counter[int] = field(default_factory=Counter)
    colours: Counter[Colour] = field(default_factory=Counter)
    palette: dict[int, Colour] = field(default_factory=dict)
    solid: set[int] = field(default_factory=set)
    labelled: bool = True
    few: bool = True
    lossy: bool = False

    @property
    def crisp(self) -> bool:
        """Whether the values are classes as they are: few, or, of all files together, no variations of few."""
        if self.lossy or not self.few or self.blurred:
            return False
        few = len(self.labels if self.labelled else self.colours) <= MOST
        return few or not self.groups[0]

    @property
    def blurred(self) -> bool:
        """Whether black and white have several shades between them that fill no area: edges that were made smooth."""
        between = {label for label in self.labels if EDGE < label < 255 - EDGE}
        thin = between - self.solid
        edges = len(thin) >= BETWEEN and 4 * len(thin) >= 3 * len(between)
        return edges and self.labelled and not self.palette and {0, 255} <= {*self.labels}

    @property
    def shades(self) -> bool:
        """Whether nearly all is black or white."""
        total = sum(self.colours.values())
        ends = [
            sum(number for colour, number in self.colours.items() if max(abs(end - one) for one in colour) <= EDGE)
            for end in (0, 255)
        ]
        return sum(ends) >= FLAT * total

    @cached_property
    def groups(self) -> tuple[list[Colour], int]:
        """Colours of classes of which all others are slight variations, and how slight; none where that is not so."""
        return ([], 0) if self.lossy else grouped(self.colours)

    def add(self, other: "Seen") -> None:
        """Take note of another mask."""
        self.labelled = self.labelled and other.labelled and self.agrees(other.palette)
        self.solid |= other.solid
        self.few = self.few and other.few
        self.lossy = self.lossy or other.lossy
        self.labels += other.labels
        self.colours += other.colours
        self.palette |= other.palette

    def agrees(self, palette: Mapping[int, Colour]) -> bool:
        """Whether the labels have the same colours as before."""
        return all(self.palette.get(label, colour) == colour for label, colour in palette.items())


def look_at(path: Path) -> Seen:
    """What a mask file holds."""
    file = read_mask_file(path, lossy=True)
    grey = file.values.ndim == 3 and bool((file.values == file.values[..., :1]).all())
    values = file.values[..., 0] if grey else file.values
    lossy = file.values.dtype == np.uint8 and path.suffix.lower() in JPEGS
    if values.ndim == 3:
        shades = unpacked(counted(packed(values)))
        return Seen(colours=Counter(shades), labelled=False, few=len(shades) <= MOST, lossy=lossy)
    labels = counted(values)
    shown = colours_of(file, labels)
    colours = Counter[Colour]()
    for label, number in labels.items():
        colours[shown[label]] += number
    palette = shown if file.palette is not None else {}
    solid, share = solid_values(values) if len(labels) > BETWEEN else (set[int](), 1.0)
    drawn = len(labels) <= MAPPED and share > 0.5 and 4 * len(solid) >= 3 * len(labels)  # not photographed
    return Seen(Counter(labels), colours, palette, solid, few=drawn or len(labels) <= MOST, lossy=lossy)


def solid_values(values: Stored) -> tuple[set[int], float]:
    """The values (H, W) that somewhere have only themselves around them, and the share of such pixels."""
    wide = np.ascontiguousarray(values, dtype=np.float32)
    flat = cv2.erode(wide, AREA) == cv2.dilate(wide, AREA)
    return set(np.unique(values[flat]).tolist()), float(flat.mean())


def counted(values: Stored) -> dict[int, int]:
    """Pixels by value; masks are flat, so runs of one value are counted, which is quicker than pixels."""
    flat = np.ascontiguousarray(values).ravel()
    ends = np.append(np.flatnonzero(flat[1:] != flat[:-1]), flat.size - 1)
    found, where = np.unique(flat[ends], return_inverse=True)
    lengths = np.bincount(where, weights=np.diff(ends, prepend=-1))
    return dict(zip(found.tolist(), lengths.astype(int).tolist(), strict=True))


def unpacked(counts: Mapping[int, int]) -> dict[Colour, int]:
    """The same by colour."""
    return {(code >> 16, code >> 8 & 255, code & 255): number for code, number in counts.items()}


def colours_of(file: MaskFile, labels: Iterable[int]) -> dict[int, Colour]:
    """The colours that a file shows for its labels."""
    some = np.array([*labels])
    if file.palette is None and file.values.dtype != np.uint8:
        return {label: (label >> 8,) * 3 for label in some.tolist()}
    shown = as_colours_of(file._replace(values=some[None].astype(np.uint8)))[0]
    return {label: (r, g, b) for label, (r, g, b) in zip(some.tolist(), shown.tolist(), strict=True)}


def distance(one: Colour, other: Colour) -> int:
    """How far two colours are apart in the channel in which they differ most."""
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


def grouped(colours: Mapping[Colour, int]) -> tuple[list[Colour], int]:
    """The frequent colours to which all others are near, and how near; none where there are too many of them."""
    left = np.array(sorted(colours, key=lambda one: (-colours[one], one)), int).reshape(-1, 3)
    centres, tolerance = list[Colour](), 0
    while len(left):
        away = abs(left - left[0]).max(axis=1)
        if len(centres) == MOST or any(distance(as_colour(left[0]), centre) <= 2 * RADIUS for centre in centres):
            return [], 0
        centres.append(as_colour(left[0]))
        tolerance = max(tolerance, int(away[away <= RADIUS].max()))
        left = left[away > RADIUS]
    return centres, tolerance


def as_colour(values: Any) -> Colour:
    """Three numbers."""
    red, green, blue = map(int, values)
    return red, green, blue


def tolerance_for(colours: Mapping[Colour, int], known: Sequence[Colour]) -> tuple[int, list[Colour]] | None:
    """How far the colours of masks are from those of classes, and the strays: those near to none, of few pixels.

    None where more than a few pixels are near to none.
    """
    if not known:
        return None
    away = {colour: min(distance(colour, one) for one in known) for colour in colours}
    strays = [colour for colour in colours if away[colour] > HINTED]
    if sum(colours[colour] for colour in strays) > STRAYS * sum(colours.values()):
        return None
    return max((far for far in away.values() if far <= HINTED), default=0), strays


def two_coloured(path: Path) -> bool:
    """Whether a file that can be read as a mask has two values or one."""
    return len(look_at(path).colours) <= 2


def fit(image: Path, mask: Path) -> bool:
    """Whether an image has its mask's size, turned or not, and is no map of measurements."""
    try:
        with open_image(image) as photo, open_image(mask) as drawn:
            return photo.size in (drawn.size, drawn.size[::-1]) and photo.mode != "F"
    except UserError:  # an array, or of more bands than are read here
        return True


def one_area(masks: Sequence[Path]) -> bool:
    """Whether masks of two values all mark about one area."""
    areas = [values == values.max() for values in (read_mask_file(mask, lossy=True).values for mask in masks)]
    if len(areas) <= 2 or len({area.shape for area in areas}) > 1:
        return False
    return all(
        np.logical_and(one, other).sum() >= SAME * np.logical_or(one, other).sum()
        for first, second in itertools.pairwise(areas)
        for one, other in ((first, second), (~first, ~second))
    )


def mask_like(path: Path) -> int:
    """Whether a file is a mask: 2 by its few values, 1 if they are variations of few, 0 if it is none."""
    try:
        seen = look_at(path)
    except UserError:
        return 0
    if seen.crisp:
        return 2
    return int(seen.shades or seen.blurred or bool(seen.groups[0]))
