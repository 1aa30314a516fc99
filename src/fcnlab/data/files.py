"""Images and index masks in files: finding them, reading them, and saying what is wrong with them."""

import hashlib
import struct
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import PIL.Image
import PIL.ImageOps
from annotated_types import Ge, Interval

from fcnlab.data.datamodule import SPLITS, VOID, SegmentationData
from fcnlab.data.transforms import Image, Mask
from fcnlab.error import UserError

# What Pillow raises for files that are no whole images, or absurdly large ones.
BROKEN = (OSError, SyntaxError, EOFError, ValueError, struct.error, zlib.error, PIL.Image.DecompressionBombError)
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


class Pair(NamedTuple):
    """An image and its mask."""

    name: str
    image: Path
    mask: Path


class FileData(SegmentationData):
    """A data set in files: subclasses say ``pairs``.

    Args:
        root: the folder that holds it.
        void_label: the label in the files that never counts, read as 255.
        layout: how the folder must look, for error messages.
        folds, fold: share train and val out anew, by hash of the names: of ``folds`` equal parts, part ``fold``
            (counted from 0) is val and the others are train. None keeps the splits. Test stays what it is.
    """

    def __init__(
        self,
        *,
        root: str,
        void_label: Annotated[int, Interval(ge=0, le=255)] = VOID,
        layout: str,
        folds: Annotated[int, Ge(2)] | None = None,
        fold: Annotated[int, Ge(0)] = 0,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        if fold >= (folds or 1):
            known = f"0 to {folds - 1}" if folds else "only with data.folds=5 or another number of parts"
            raise UserError(f"data.fold={fold} is no part of data.folds={folds}. Known: {known}.")
        self.folds, self.fold = folds, fold
        self.root, self.void_label, self.layout = Path(root).expanduser(), void_label, layout
        self.listings: dict[str, list[Pair]] = {}
        self.complete: set[str] = set()

    def pairs(self, split: str) -> list[Pair]:
        """The images of a split with their masks, in a fixed order."""
        raise NotImplementedError

    def folded_pairs(self, split: str) -> list[Pair]:
        """``pairs``, with train and val shared out by ``folds``."""
        if self.folds is None or split == "test":
            return self.pairs(split)
        pool = {pair.name: pair for part in ("train", "val") for pair in self.pairs(part)}
        order = sorted(pool, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
        held = set(order[self.fold :: self.folds])
        return [pair for name, pair in pool.items() if (name in held) == (split == "val")]

    def listed_pairs(self, split: str) -> list[Pair]:
        """``pairs``, looked up once, with no name twice; whether the files are there is not asked."""
        if split not in self.listings:
            if not self.root.is_dir():
                raise self.missing(f"There is no folder data.root={self.root}.")
            pairs = self.folded_pairs(split)
            if not pairs:
                raise self.missing(f"Split {split!r} under data.root={self.root} is empty.")
            if twice := sorted(name for name, times in Counter(pair.name for pair in pairs).items() if times > 1):
                raise UserError(f"Split {split!r} names {', '.join(twice[:5])} more than once. Name each image once.")
            self.listings[split] = pairs
        return self.listings[split]

    def checked_pairs(self, split: str) -> list[Pair]:
        """``listed_pairs`` with every file there, which is looked up once."""
        pairs = self.listed_pairs(split)
        if split not in self.complete:
            self.check_files(split, "image", [pair.image for pair in pairs])
            self.check_files(split, "mask", [pair.mask for pair in pairs])
            self.complete.add(split)
        return pairs

    def check_files(self, split: str, kind: str, paths: list[Path]) -> None:
        """Raise UserError where a file is missing: a split is whole or it is not used."""
        if absent := [path for path in paths if not path.is_file()]:
            number = f", one of {len(absent)} missing of {len(paths)}" if len(absent) > 1 else ""
            raise self.missing(f"The {kind} {absent[0]} of split {split!r} is missing{number}.")

    def missing(self, problem: str) -> UserError:
        """An error about files that are not where they should be."""
        return UserError(f"{problem} Expected {self.layout}. Set data.root=..., or train without files: data=shapes.")

    def names(self, split: str) -> Sequence[str]:
        """File names without folder and suffix."""
        return [pair.name for pair in self.checked_pairs(split)]

    def read(self, split: str, index: int) -> tuple[Image, Mask]:
        """Read one image and its mask, and check that they belong together."""
        return self.read_pair(self.checked_pairs(split)[index])

    def samples(self, split: str) -> dict[str, Callable[[], tuple[Image, Mask]]]:
        """Every name of a split with what reads its image and mask, whether the files are there or not."""
        return {pair.name: partial(self.read_pair, pair) for pair in self.listed_pairs(split)}

    def read_pair(self, pair: Pair) -> tuple[Image, Mask]:
        """Image and mask of one pair."""
        mask = self.read_labels(pair.mask)
        image = read_image(pair.image, drawn=mask.shape)
        if image.shape[:2] != mask.shape:
            raise UserError(
                f"Mask {pair.mask} is {mask.shape[1]}x{mask.shape[0]}, its image {image.shape[1]}x{image.shape[0]}. "
                "A mask must have its image's size."
            )
        return image, mask

    def masks(self, split: str) -> Iterator[Mask]:
        """The split's masks in order, without those that are forgiven; its images need not be there."""
        pairs = self.listed_pairs(split)
        self.check_files(split, "mask", [pair.mask for pair in pairs])
        for pair in pairs:
            try:
                labels = self.read_labels(pair.mask)
            except UserError:
                if not self.forgives(split):
                    raise
            else:
                yield labels

    def read_labels(self, path: Path) -> Mask:
        """A mask's labels (H, W), void being 255, none of them unknown."""
        mask = self.decode_mask(path)
        if self.void_label != VOID:
            mask = np.where(mask == self.void_label, VOID, mask).astype(np.uint8)
        worst = int(mask[mask != VOID].max(initial=0))
        if worst >= len(self.class_names):
            raise UserError(
                f"Mask {path} has label {worst}. Known labels are 0 to {len(self.class_names) - 1} for "
                f"{len(self.class_names)} classes, and {self.void_label} for void. Mend the mask or name its class."
            )
        return mask

    def decode_mask(self, path: Path) -> Mask:
        """What a mask file holds, (H, W) uint8; formats other than images are read here."""
        return read_mask(path)

    def image_shape(self, split: str, index: int) -> tuple[int, int]:
        """Height and width, from the file's header."""
        with open_image(self.checked_pairs(split)[index].mask) as mask:
            return mask.height, mask.width

    def stamp(self) -> str:
        """A hash of all names, sizes and times of change."""
        digest = hashlib.sha256(repr(self.class_names).encode())
        for split in SPLITS:
            for pair in self.listed_pairs(split):
                seen = [path.stat() for path in pair[1:] if path.is_file()]
                digest.update(repr((split, pair.name, [(s.st_size, s.st_mtime_ns) for s in seen])).encode())
        return digest.hexdigest()[:16]

    def sample_bytes(self, split: str, index: int) -> bytes:
        """The mask's pixels and the image's size: quick, and the same however the files are compressed."""
        pair = self.checked_pairs(split)[index]
        with open_image(pair.image) as image:
            return self.decode_mask(pair.mask).tobytes() + repr(image.size).encode()


def open_image(path: Path) -> PIL.Image.Image:
    """Open a file as an image; only its header is read."""
    try:
        return PIL.Image.open(path)
    except BROKEN as error:
        raise unreadable(path, error) from error


def decode(path: Path, read: Callable[[PIL.Image.Image], Image]) -> Image:
    """What ``read`` makes of an image file, if the file is whole."""
    with open_image(path) as image:
        try:
            if image.format == "PNG":  # Pillow decodes them without looking at the checksums
                with PIL.Image.open(path) as probe:
                    probe.verify()
            return read(image)
        except UserError:  # a ValueError too, and told already
            raise
        except BROKEN as error:
            raise unreadable(path, error) from error


def read_text(path: Path) -> str:
    """A list that a person wrote, in UTF-8, with the mark before it that Windows' editors set or without."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is no text in UTF-8: {error}. Save it as UTF-8.") from error


def without_suffix(line: str) -> str:
    """The name in a line of a list, which may have a folder and a suffix; ``scene.0001`` has none."""
    path = Path(line)
    return path.stem if path.suffix.lower() in IMAGE_SUFFIXES else path.name


def read_image(path: Path, drawn: tuple[int, ...] | None = None) -> Image:
    """An image file as (H, W, 3) uint8 RGB, turned as its EXIF tag says.

    Args:
        drawn: (H, W) of its mask. A mask that only fits the pixels as they lie in the file was drawn on those.
    """

    def read(image: PIL.Image.Image) -> Image:
        turned = PIL.ImageOps.exif_transpose(image)
        if drawn == (image.height, image.width) != (turned.height, turned.width):
            turned = image
        if turned.mode in ("I", "F"):
            raise UserError(
                f"Image {path} has mode {turned.mode}: grey of 32 bits, of which nothing tells the white. Save it as "
                "an image of 8 or 16 bits."
            )
        if turned.mode.startswith("I;16"):  # grey of 16 bits, which Pillow would clip at 255
            turned = PIL.Image.fromarray((np.asarray(turned) >> 8).astype(np.uint8))
        return np.array(turned.convert("RGB"))

    return decode(path, read)


def read_mask(path: Path) -> Mask:
    """An index or palette image as (H, W) uint8 labels."""

    def read(mask: PIL.Image.Image) -> Mask:
        if mask.mode not in ("L", "P"):
            raise UserError(
                f"Mask {path} has mode {mask.mode}. A mask holds one class index per pixel: save it as an 8-bit grey "
                "or palette PNG."
            )
        return np.array(mask)

    return decode(path, read)


def unreadable(path: Path, error: Exception) -> UserError:
    """An error about a file that is no whole image."""
    return UserError(f"Cannot read {path} as an image: {error}. Every listed file must be whole: replace or unlist it.")


def split_by_hash(name: str, fractions: dict[str, float]) -> str:
    """The split of an image, by hash of its name: it stays where it is when others come or go."""
    share = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 16**8
    for split, fraction in fractions.items():
        share -= fraction
        if share < 0:
            return split
    return next(iter(fractions))
