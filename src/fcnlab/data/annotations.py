"""Masks drawn from annotations when they are read: what COCO, LabelMe and YOLO data sets share."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageDraw

from fcnlab.data.arrays import VOID as VOID
from fcnlab.data.datamodule import SPLITS
from fcnlab.data.files import FileData, open_image, read_text
from fcnlab.data.sharing import share_by_hash
from fcnlab.data.transforms import Mask
from fcnlab.error import UserError, nearest

Point = tuple[float, float]


class AnnotatedData(FileData):
    """Shapes with class names over images: subclasses say ``pairs`` and draw in ``decode_mask``.

    Args:
        classes: names in the order of the net's scores, without the background.
        background: the name of class 0, of pixels in no shape; None: such pixels are void.
        fractions: shares of the splits that have no images of their own, by a hash of the image's name.
    """

    def __init__(
        self, *, classes: Sequence[str], background: str | None, fractions: dict[str, float], **common: Any
    ) -> None:
        names = (*((background,) if background else ()), *classes)
        if not classes or len(set(names)) != len(names):
            raise UserError(f"The classes are {', '.join(names) or 'none'}. Name each class once, and at least one.")
        super().__init__(class_names=names, **common)
        self.background, self.fractions = background, dict(fractions)
        self.index = {name: label for label, name in enumerate(names)}

    def together(self, folder: str, splits: Mapping[str, str], split: str) -> list[str]:
        """The splits whose folder is that of ``split``, by a path with ``{split}`` and what each is called there."""
        where = {one: folder.replace("{split}", splits.get(one, one)) for one in SPLITS}
        return [one for one in SPLITS if where[one] == where[split]]

    def blank(self, height: int, width: int) -> Mask:
        """A mask (H, W) with no shape in it."""
        return np.full((height, width), 0 if self.background else VOID, np.uint8)

    def label(self, name: str, where: object) -> int:
        """The label of a class by its name."""
        if name not in self.index:
            raise UserError(f"{where} has a shape of class {name!r}. {nearest(name, self.index)} Set data.classes=...")
        return self.index[name]

    def share(self, names: Iterable[str], split: str, among: Sequence[str]) -> list[str]:
        """The names that fall into ``split`` when those of several splits lie together."""
        return share_by_hash(names, split, among, self.fractions)

    def image_shape(self, split: str, index: int) -> tuple[int, int]:
        """Height and width of the image as its file holds it: the mask is drawn at that size."""
        return image_size(self.checked_pairs(split)[index].image)


def image_size(path: Path) -> tuple[int, int]:
    """Height and width of an image, from its header."""
    with open_image(path) as image:
        return image.height, image.width


def fill_polygon(mask: Mask, points: Sequence[Point], label: int) -> None:
    """Fill a polygon of (x, y) in pixels, its outline included, as Pillow and LabelMe do; ``mask`` itself changes."""
    canvas = PIL.Image.fromarray(mask)
    PIL.ImageDraw.Draw(canvas).polygon([(float(x), float(y)) for x, y in points], fill=label)
    mask[...] = np.asarray(canvas)


def area(points: Sequence[Point]) -> float:
    """The area of a polygon (shoelace formula)."""
    x, y = np.array(points, float).T
    return float(abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2)


def named_classes(classes: Any, root: Path) -> list[str]:
    """Class names as they are written out in the config, or one per line of a text file under ``root``."""
    if isinstance(classes, str):
        path = root.expanduser() / classes
        if not path.is_file():
            raise UserError(
                f"There is no file {path} of class names. Write one name per line, or set data.classes=[...]."
            )
        return [line.strip() for line in read_text(path).splitlines() if line.strip()]
    return [str(name) for name in classes]
