"""Image files as (H, W, c) uint8: grey, colour and many bands, 8 to 16 bits, turned as they are shown."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.Image
import PIL.ImageOps
from torch.utils.data import get_worker_info

from fcnlab.cli.terminal import say
from fcnlab.data.opened import ORIENTATION, check_pixels, decode, is_tiff, open_image, png_depth, unreadable
from fcnlab.data.tiff import needs_tifffile, read_tiff, tiff_size
from fcnlab.data.transforms import Image
from fcnlab.error import UserError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
MASK_SUFFIXES = (*IMAGE_SUFFIXES, ".gif", ".npy")
WHITES = {255: 8, 1023: 10, 4095: 12, 16383: 14}  # bits that are kept in 16
GREY, COLOUR = 1, 3
TURNS: dict[int, Callable[[Any], Any]] = {
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: np.swapaxes(a, 0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.swapaxes(np.rot90(a, 2), 0, 1),
    8: np.rot90,
}
told = set[str]()  # what is printed once for all images


@dataclass(frozen=True, kw_only=True)
class ImageReader:
    """How image files are read.

    Args:
        channels: of what the net sees: 3 for colour (grey is repeated), 1 for grey, else as many bands as files have.
        white: the value of white in files of more than 8 bits. None: 65535, unless no value comes near it.
        page: of files with several, 0 being the first; None: they must have one.
        max_pixels: the largest image that is read; None: 178,956,970.
        prefix: of these settings, in messages.
    """

    channels: int = 3
    white: float | None = None
    page: int | None = None
    max_pixels: int | None = None
    prefix: str = "data."

    def __post_init__(self) -> None:
        for key, least, optional in (("channels", 1, False), ("page", 0, True), ("max_pixels", 1, True)):
            value = getattr(self, key)
            if not (optional and value is None) and (type(value) is not int or value < least):
                raise UserError(
                    f"{self.prefix}{key}={value} must be a whole number, {least} or more{', or null' * optional}."
                )
        if self.white is not None and (isinstance(self.white, bool) or not self.white > 0):
            raise UserError(f"{self.prefix}white={self.white} must be null or a number above 0, as 4095 for 12 bits.")

    @property
    def opening(self) -> dict[str, Any]:
        """Page, limit and prefix, as ``open_image`` takes them."""
        return {"page": self.page, "max_pixels": self.max_pixels, "prefix": self.prefix}

    def size(self, path: Path) -> tuple[int, int]:
        """Width and height as they lie in the file, from its header."""
        if is_tiff(path) and needs_tifffile(path, **self.opening):
            return tiff_size(path)
        with open_image(path, **self.opening) as image:
            return image.size

    def read(self, path: Path, drawn: tuple[int, ...] | None = None) -> Image:
        """An image file as (H, W, channels) uint8, turned as its EXIF tag says.

        Args:
            drawn: (H, W) of its mask. A mask that only fits the pixels as they lie in the file was drawn on those.
        """
        if is_tiff(path) and needs_tifffile(path, **self.opening):
            width, height = tiff_size(path)
            check_pixels(path, width, height, self.max_pixels, self.prefix)
            return self.fit(self.eight_bits(read_tiff(path, self.page, self.prefix), path), path, alpha=False)
        return decode(path, lambda image: self.convert(path, image, drawn), **self.opening)

    def convert(self, path: Path, image: PIL.Image.Image, drawn: tuple[int, ...] | None) -> Image:
        """The pixels of an opened file."""
        if image.format == "PNG" and png_depth(path)[0] == 16 and image.mode not in ("I", "I;16", "I;16B"):
            values = self.eight_bits(read_deep_png(path), path)  # Pillow would drop the low bits
            turn = TURNS.get(image.getexif().get(ORIENTATION, 1))
            turned = values if turn is None else np.ascontiguousarray(turn(values))
            upright = drawn == values.shape[:2] != turned.shape[:2]
            return self.fit(values if upright else turned, path, alpha=values.shape[2] in (2, 4))
        shown = PIL.ImageOps.exif_transpose(image)
        if drawn == (image.height, image.width) != (shown.height, shown.width):
            shown = image
        if shown.mode in ("I", "F") or shown.mode.startswith("I;16"):
            return self.fit(self.eight_bits(np.asarray(shown), path), path, alpha=False)
        if shown.mode in ("L", "RGB", "RGBA", "LA"):
            return self.fit(np.array(shown), path, alpha=shown.mode in ("RGBA", "LA"))
        if shown.mode == "P" and "transparency" in shown.info:
            return self.fit(np.array(shown.convert("RGBA")), path, alpha=True)
        return self.fit(np.array(shown.convert("L" if shown.mode == "1" else "RGB")), path, alpha=False)

    def eight_bits(self, values: np.ndarray[Any, Any], path: Path) -> Image:
        """Values of any depth as uint8. Raises UserError where their white is not known."""
        if values.dtype == np.uint8:
            return values
        low, high = (values.min(), values.max()) if values.size else (0, 0)
        if self.white is None and values.dtype != np.uint16:
            mode = "F" if values.dtype.kind == "f" else "I"
            raise UserError(
                f"Image {path} has mode {mode}: grey of {8 * values.itemsize} bits, "
                f"of which nothing tells the white. Save it as an image of 8 or 16 bits, or type {self.prefix}white=..."
            )
        if self.white is None and (white := next((one for one in WHITES if high <= one), None)):
            raise UserError(
                f"Image {path} has 16 bits, but no value above {high}: {WHITES[white]} bits in 16? Type "
                f"{self.prefix}white={white}; or {self.prefix}white=65535, if it is only dark."
            )
        if self.white is not None and not (low >= 0 and high <= self.white):
            raise UserError(
                f"Image {path} has values {low} to {high}, outside 0 to {self.prefix}white={self.white:g}. Raise it."
            )
        if self.white in (None, 65535) and values.dtype == np.uint16:
            return np.asarray(values >> 8, dtype=np.uint8)
        scaled: Any = np.rint(values * np.float32(255 / (self.white or 1)))
        return np.asarray(scaled.astype(np.uint8))

    def fit(self, values: Image, path: Path, *, alpha: bool) -> Image:
        """(H, W) or (H, W, b) with as many channels as the net sees.

        Args:
            alpha: whether the last band is transparency.
        """
        values = values[..., None] if values.ndim == 2 else values
        bands = values.shape[2]
        if bands == self.channels:
            return np.ascontiguousarray(values)
        if alpha and self.channels in (GREY, COLOUR):
            if values[..., -1].min(initial=255) < 255:
                say_once(f"{path} is partly transparent. Transparency is left out, here and in all images.")
            values, bands = values[..., :-1], bands - 1
        if bands == GREY and self.channels == COLOUR:
            return np.repeat(values, 3, axis=2)
        if bands == COLOUR and self.channels == GREY:
            grey: Image = np.asarray(cv2.cvtColor(np.ascontiguousarray(values), cv2.COLOR_RGB2GRAY), dtype=np.uint8)
            return grey[..., None]
        if bands == self.channels:
            return np.ascontiguousarray(values)
        if self.prefix:
            hint = f"data.channels={self.channels}. Type data.channels={bands} to read them all"
        else:
            hint = f"the net sees {self.channels}. Give it images like those of its training"
        raise UserError(f"Image {path} has {bands} bands, but {hint}, or save it with {self.channels}.")


def read_image(path: Path, drawn: tuple[int, ...] | None = None) -> Image:
    """An image file as (H, W, 3) uint8 RGB; see :class:`ImageReader`."""
    return ImageReader().read(path, drawn)


def read_deep_png(path: Path) -> np.ndarray[Any, np.dtype[np.uint16]]:
    """A PNG of 16 bits a channel as (H, W, c), red first."""
    found = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    if found is None or found.ndim != 3:
        raise unreadable(path, ValueError("OpenCV cannot decode it"))
    return np.ascontiguousarray(found[..., [2, 1, 0, 3][: found.shape[2]]])


def say_once(message: str) -> None:
    """Say something that holds for all images at the first of them; of the loading processes one says it."""
    worker, kind = get_worker_info(), message.partition(". ")[2]
    if kind not in told and (worker is None or worker.id == 0):
        told.add(kind)
        say(message)
