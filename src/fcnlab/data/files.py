"""A data set in files: pairs of an image and its mask, read as the settings say, and checked that they fit."""

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge, Gt, Interval

from fcnlab.data.cache import Decoded, Where
from fcnlab.data.class_list import ClassList
from fcnlab.data.class_list import read_text as read_text
from fcnlab.data.contents import Look
from fcnlab.data.datamodule import VOID
from fcnlab.data.images import IMAGE_SUFFIXES as IMAGE_SUFFIXES
from fcnlab.data.images import ImageReader
from fcnlab.data.images import read_image as read_image
from fcnlab.data.labels import Labels
from fcnlab.data.listed import ListedData
from fcnlab.data.listed import Pair as Pair
from fcnlab.data.lists import without_suffix as without_suffix
from fcnlab.data.loading import usable_cores
from fcnlab.data.masks import Stored, is_array, open_array, read_mask_file
from fcnlab.data.opened import open_image as open_image
from fcnlab.data.opened import unreadable as unreadable
from fcnlab.data.palette import PaletteLog
from fcnlab.data.transforms import Image, Mask
from fcnlab.error import UserError

LOOKED_AT = 50  # masks whose labels are told in a message


class FileData(ListedData):
    """A data set in files: subclasses say ``pairs``. Of the settings not told here see :class:`ListedData`.

    Args:
        classes: names, labels and colours; or ``class_names`` alone.
        void_label, labels, colours, shift, tolerance, threshold: what mask files hold; see :class:`Labels`.
        palettes: ``same``: palette files whose colours contradict each other are refused; ``any``: they are not.
        channels, white, page, max_pixels: what image files hold; see :class:`ImageReader`.
        cache: keep decoded images in ``ram``, or on ``disk`` beside the run folders; see :class:`Decoded`.
    """

    parallel = True

    def __init__(
        self,
        *,
        classes: ClassList | None = None,
        class_names: Sequence[str] = (),
        palette: Sequence[Sequence[Annotated[int, Interval(ge=0, le=255)]]] | None = None,
        void_label: Any = VOID,
        labels: Sequence[Any] | Mapping[Any, str] | None = None,
        colours: Sequence[Any] | bool | None = None,
        shift: int = 0,
        tolerance: Annotated[int, Interval(ge=0, le=127)] = 0,
        threshold: Annotated[int, Interval(ge=0, le=255)] | None = None,
        palettes: Literal["same", "any"] = "same",
        channels: Annotated[int, Ge(1)] = 3,
        white: Annotated[float, Gt(0)] | None = None,
        page: Annotated[int, Ge(0)] | None = None,
        max_pixels: Annotated[int, Ge(1)] | None = None,
        cache: Where | None = None,
        **common: Any,
    ) -> None:
        if classes is None:
            classes = ClassList(names=tuple(class_names), labels=tuple((label,) for label in range(len(class_names))))
        self.labels = Labels(
            classes,
            labels=labels,
            colours=colours,
            void_label=void_label,
            shift=shift,
            tolerance=tolerance,
            threshold=threshold,
        )
        self.reader = ImageReader(channels=channels, white=white, page=page, max_pixels=max_pixels)
        known: Sequence[Sequence[int]] | None = self.labels.palette
        if known is None and classes.colours:
            known = [group[0] for group in classes.colours]
        super().__init__(class_names=classes.names, palette=palette or known, channels=channels, **common)
        self.cache = cache
        self.decoded: dict[str, Decoded] = {}
        self.palettes = PaletteLog() if palettes == "same" else None

    def read(self, split: str, index: int) -> tuple[Image, Mask]:
        """Read one image and its mask, and check that they belong together."""
        return self.read_pair(self.checked_pairs(split)[index])

    def read_mask(self, split: str, index: int) -> Mask:
        """The mask alone; its image is not decoded."""
        return self.read_labels(self.checked_pairs(split)[index].mask)

    def samples(self, split: str) -> dict[str, Callable[[], tuple[Image, Mask]]]:
        """Every name of a split with what reads its image and mask, whether the files are there or not."""
        return {pair.name: partial(self.read_listed, split, pair) for pair in self.listed_pairs(split)}

    def reading(self, split: str) -> Callable[[int], tuple[Image, Mask]]:
        """What gives image and mask by index, decoded once where there is a cache."""
        if self.cache is None:
            return super().reading(split)
        if split not in self.decoded:
            folder = self.kept.folder if self.kept else Path(tempfile.gettempdir()) / "fcnlab"
            self.decoded[split] = Decoded(
                partial(self.read, split),
                self.shapes(split),
                channels=self.reader.channels,
                where=self.cache,
                file=folder / f"{self.name}-{split}-{self.split_stamp(split)[:16]}.pixels",
                name=f"{self.name}, {split}",
                threads=usable_cores() if self.parallel else 1,
                processes=self.trainer.num_devices if self.trainer else 1,
            )
        return self.decoded[split]

    def read_listed(self, split: str, pair: Pair) -> tuple[Image, Mask]:
        """The same, where the files may not be there."""
        for kind, path in (("image", pair.image), ("mask", self.file_of(pair.mask))):
            if not path.exists():
                raise UserError(f"The {kind} {path} of split {split!r} is missing.{self.hint(kind)}")
        return self.read_pair(pair)

    def read_pair(self, pair: Pair) -> tuple[Image, Mask]:
        """Image and mask of one pair."""
        mask = self.read_labels(pair.mask)
        return self.read_image_of(pair, mask.shape), mask

    def read_image_of(self, pair: Pair, drawn: tuple[int, ...]) -> Image:
        """The image of a pair, of which the mask has the shape ``drawn``. Raises UserError where its own is another."""
        image = self.reader.read(pair.image, drawn=drawn)
        if image.shape[:2] != drawn:
            raise UserError(
                f"Mask {pair.mask} is {drawn[1]}x{drawn[0]}, its image {image.shape[1]}x{image.shape[0]}. "
                "A mask must have its image's size."
            )
        return image

    def masks(self, split: str) -> Iterator[Mask]:
        """The split's masks in order, without those that are forgiven; its images need not be there."""
        pairs = self.listed_pairs(split)
        self.check_files(split, "mask", [self.file_of(pair.mask) for pair in pairs])
        for pair in pairs:
            try:
                labels = self.read_labels(pair.mask)
            except UserError:
                if not self.forgives(split):
                    raise
            else:
                yield labels

    def read_labels(self, path: Path) -> Mask:
        """A mask's class indices (H, W), void being 255, none of them unknown."""
        return self.to_labels(self.decode_mask(path), path)

    def to_labels(self, raw: Stored, path: Path) -> Mask:
        """Class indices (H, W), void being 255, of what the mask file ``path`` holds; none of them unknown."""
        return self.labels.index(raw, path, self.labels_elsewhere)

    def decode_mask(self, path: Path) -> Stored:
        """What a mask file holds, (H, W) labels or (H, W, 3) colours; formats other than images are read here."""
        file = read_mask_file(path, lossy=self.labels.threshold is not None, **self.reader.opening)
        raw = self.labels.raw(file, path)
        if self.palettes and file.palette is not None and self.labels.reads_labels:
            self.palettes.check(file.values, file.palette, path)
        return raw

    def labels_elsewhere(self) -> set[int]:
        """The labels in the first masks of every split that was looked up, for a message."""
        found = set[int]()
        for pair in [pair for pairs in self.listings.values() for pair in pairs][:LOOKED_AT]:
            try:
                raw = self.decode_mask(pair.mask)
            except UserError:
                continue
            found |= set(np.unique(raw).tolist()) if raw.ndim == 2 else set()
        return found

    def image_shape(self, split: str, index: int) -> tuple[int, int]:
        """Height and width, from the file's header."""
        path = self.checked_pairs(split)[index].mask
        if is_array(path):
            height, width = open_array(path).shape
            return int(height), int(width)
        with open_image(path, **self.reader.opening) as mask:
            return mask.height, mask.width

    def examine(self, split: str, index: int) -> Look:
        """The mask's pixels and the image's size: quick, and the same however the files are compressed.

        Raises UserError for a mask that holds what is no class, before anything is learnt; and for an image of the
        test that cannot be read, which nobody else would look at until all is learnt.
        """
        pair = self.checked_pairs(split)[index]
        size, raw = self.image_size(pair), self.decode_mask(pair.mask)
        if split == "test":
            self.read_image_of(pair, raw.shape[:2])
        digest = hashlib.sha256(np.ascontiguousarray(raw).data)
        digest.update(f"{size}{self.labels.signature}".encode())
        pixels = self.labels.count(raw, pair.mask, self.labels_elsewhere)
        return Look(digest.digest(), pixels, raw.shape[:2], self.image_hash(pair))

    def image_size(self, pair: Pair) -> tuple[int, int]:
        """Width and height of an image as they lie in its file, from the header."""
        return self.reader.size(pair.image)

    def image_hash(self, pair: Pair) -> str:
        """A hash that equal images have in common: of the file, which is quicker than to decode it."""
        with pair.image.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]

    def noted(self) -> dict[str, tuple[tuple[int, ...], str]]:
        """The colours that palettes give to labels, with the first file that does."""
        seen = self.palettes.seen if self.palettes else {}
        return {str(label): (colour, str(path)) for label, (colour, path) in seen.items()}

    def recall(self, noted: Mapping[str, tuple[Sequence[int], str]]) -> None:
        """Take note of palettes that were seen at an earlier look. Raises UserError where others contradict them."""
        log = PaletteLog()
        log.seen = {int(label): (tuple(colour), Path(path)) for label, (colour, path) in noted.items()}
        if self.palettes:
            self.palettes.merge(log)


def read_mask(path: Path) -> Mask:
    """An index or palette image as (H, W) labels as they are stored. Raises UserError for one in colour."""
    file = read_mask_file(path)
    if file.values.ndim == 3:
        raise UserError(
            f"Mask {path} has mode {file.mode}. A mask holds one class index per pixel: save it as an 8-bit grey or "
            "palette PNG."
        )
    return file.values
