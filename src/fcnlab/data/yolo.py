"""YOLO polygons: a text file per image, a shape per line as ``class x y x y ...`` in fractions of the image's size."""

from pathlib import Path
from typing import Any

import yaml

from fcnlab.data.annotations import AnnotatedData, area, fill_polygon, image_size, named_classes
from fcnlab.data.files import IMAGE_SUFFIXES, Pair, read_text
from fcnlab.data.spelling import on_disk
from fcnlab.data.transforms import Mask
from fcnlab.error import UserError


class YOLO(AnnotatedData):
    """The layout of segmentation data sets of YOLO: larger shapes are drawn first, so that small ones stay visible.

    An image without a text file has no shape, as in YOLO; a split without any text file is an error.

    Args:
        images, labels: folders relative to ``root``, in which ``{split}`` stands for the split's folder.
        splits: the folder of each split; two splits with one folder share it by ``fractions``.
        classes: the names, or the YAML file that holds them under ``names``, or a text file with one per line.
    """

    def __init__(
        self,
        *,
        root: str,
        images: str,
        labels: str,
        splits: dict[str, str],
        classes: list[str] | str,
        **common: Any,
    ) -> None:
        layout = f"{root}/{images}/NAME.jpg and {root}/{labels}/NAME.txt with {{split}} from data.splits={splits}"
        super().__init__(root=root, layout=layout, classes=read_names(classes, Path(root)), **common)
        self.images_in, self.labels_in, self.splits = images, labels, dict(splits)
        self.image_of: dict[Path, Path] = {}

    def pairs(self, split: str) -> list[Pair]:
        """The images of the split's folder with their text files."""
        folder = self.splits.get(split, split)
        images = on_disk(self.root / self.images_in.format(split=folder))
        labels = on_disk(self.root / self.labels_in.format(split=folder))
        for where in (images, labels):
            if not where.is_dir():
                raise self.missing(f"There is no folder {where} for split {split!r}; set data.splits.{split}=...")
        together = self.together(self.images_in, self.splits, split)
        files = [path for path in sorted(images.iterdir()) if is_image(path)]
        found = {path.stem: path for path in files}
        if twice := [path.name for path in files if found[path.stem] != path]:
            raise self.missing(
                f"{images} holds {twice[0]} and {found[Path(twice[0]).stem].name}, which have one text file. Rename or "
                "remove one."
            )
        texts = {name: on_disk(labels / f"{name}.txt") for name in found}
        if found and not any(text.is_file() for text in texts.values()):
            raise self.missing(f"{labels} holds no text file of an image in {images}.")
        pairs = [Pair(name, found[name], texts[name]) for name in self.share(found, split, together)]
        self.image_of |= {pair.mask: pair.image for pair in pairs}
        return pairs

    def file_of(self, mask: Path) -> Path:
        """The text file, or the image where it has none."""
        return mask if mask.is_file() else self.image_of[mask]

    def decode_mask(self, path: Path) -> Mask:
        """Draw the lines of one file."""
        height, width = image_size(self.image_of[path])
        mask = self.blank(height, width)
        shapes = []
        for number, line in enumerate(read_text(path).splitlines() if path.is_file() else [], 1):
            if not line.strip():
                continue
            label, points = self.parse(line, f"Line {number} of {path}")
            shapes.append((label, [(x * width, y * height) for x, y in points]))
        first = 1 if self.background else 0
        for label, points in sorted(shapes, key=lambda shape: -area(shape[1])):
            fill_polygon(mask, points, label + first)
        return mask

    def parse(self, line: str, where: str) -> tuple[int, list[tuple[float, float]]]:
        """Class number and points of a line."""
        try:
            number, *numbers = [float(word) for word in line.split()]
        except ValueError as error:
            raise UserError(f"{where} is {line.strip()[:40]!r}: not a class and numbers.") from error
        if len(numbers) < 6 or len(numbers) % 2:
            raise UserError(
                f"{where} has {len(numbers)} numbers after the class. A polygon has three points or more, x and y "
                "each; four numbers are a box, from which no mask can be drawn."
            )
        if not all(-0.01 <= value <= 1.01 for value in numbers):
            raise UserError(f"{where} has a coordinate outside 0 to 1. They are fractions of the image's size.")
        known = len(self.class_names) - (1 if self.background else 0)
        if number != int(number) or not 0 <= number < known:
            raise UserError(f"{where} has class {number:g}. Known classes are 0 to {known - 1}: see data.classes.")
        return int(number), list(zip(numbers[::2], numbers[1::2], strict=True))


def is_image(path: Path) -> bool:
    """Whether a file is an image, and none of the hidden ones that macOS leaves."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def read_names(classes: list[str] | str, root: Path) -> list[str]:
    """The names written out, one per line of a text file, or ``names`` of a data set's YAML: a list, or from 0 on."""
    if not isinstance(classes, str):
        return [str(name) for name in classes]
    path = root.expanduser() / classes
    if not path.is_file():
        raise UserError(f"There is no file {path} with the class names. Set data.root=... and data.classes=...")
    if path.suffix.lower() in (".txt", ".names"):
        return named_classes(classes, root)
    try:
        names = yaml.safe_load(read_text(path))["names"]
        if isinstance(names, dict):
            names = [names[number] for number in range(len(names))]
        return [str(name) for name in names]
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise UserError(f"{path} names no classes: it must hold names: [...] or names: {{0: ..., 1: ...}}.") from error
