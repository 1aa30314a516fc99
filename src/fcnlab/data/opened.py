"""Opening an image file: whole, of a size that was agreed on, one page of it."""

import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import PIL.Image

from fcnlab.data.held import openable, regular
from fcnlab.error import UserError

# What Pillow raises for files that are no whole images.
BROKEN = (OSError, SyntaxError, EOFError, ValueError, struct.error, zlib.error, PIL.Image.DecompressionBombError)
MAX_PIXELS = 178_956_970  # where Pillow itself stops
SUBFILE, REDUCED_OR_MASK = 254, 1 | 4  # of a TIFF's page: it is a smaller copy of another, or its transparency
ORIENTATION = 0x0112  # a tag of EXIF and of TIFF
SIDEWAYS = (5, 6, 7, 8)  # its values of which Pillow 13 mixes up the rows of a grey or palette TIFF
ONE_OF_MANY = ("MPO",)  # photos of telephones, with previews behind them
OPENING = threading.Lock()  # Pillow's limit is one number for all threads
T = TypeVar("T")
TIFF_HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
BITS, SAMPLE_FORMAT, SIGNED = 258, 339, 2  # tags of TIFF, and a value of the last
STRANGERS = {  # what lies under the names of images, by what it begins with
    b"version https://git-lfs": "it is a pointer of Git LFS. Fetch what it points to: git lfs pull.",
    b"<!doctype html": "it is a web page, as a download leaves that failed. Get the file anew.",
    b"<html": "it is a web page, as a download leaves that failed. Get the file anew.",
    b"ftyphei": "it is a HEIC, whatever its name says. Save it as JPEG or PNG.",
    b"ftypmif1": "it is a HEIC, whatever its name says. Save it as JPEG or PNG.",
}


def open_image(
    path: Path, *, page: int | None = None, max_pixels: int | None = None, prefix: str = "data."
) -> PIL.Image.Image:
    """Open a file as an image; only its header is read.

    Args:
        page: of a file with several; None: there must be one.
        max_pixels: the largest image that is opened; None: 178,956,970.
        prefix: of these settings, in messages.
    """
    try:
        with without_limit():
            image = PIL.Image.open(openable(path))
    except BROKEN as error:
        raise unreadable(path, error) from error
    try:
        check_pixels(path, image.width, image.height, max_pixels, prefix)
        turn_to_page(path, image, page, prefix)
    except Exception as error:
        image.close()
        if isinstance(error, BROKEN) and not isinstance(error, UserError):
            raise unreadable(path, error) from error
        raise
    return image


@contextmanager
def without_limit() -> Iterator[None]:
    """Without Pillow's own limit, whose message knows no setting."""
    with OPENING:
        limit, PIL.Image.MAX_IMAGE_PIXELS = PIL.Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            PIL.Image.MAX_IMAGE_PIXELS = limit


def check_pixels(path: Path, width: int, height: int, limit: int | None, prefix: str = "data.") -> None:
    """Raise UserError for an image larger than was agreed on: a small file may unpack to fill the memory."""
    limit = limit or MAX_PIXELS
    if width * height > limit:
        raise UserError(
            f"Image {path} has {width}x{height} = {width * height:,} pixels; the limit is {limit:,}. If the file is to "
            f"be trusted, type {prefix}max_pixels={width * height}, or cut it into tiles."
        )


def turn_to_page(path: Path, image: PIL.Image.Image, page: int | None, prefix: str) -> None:
    """Choose the page that was named. Raises UserError where there are several and none was named."""
    if getattr(image, "n_frames", 1) == 1 and not page:
        return
    if image.format in ONE_OF_MANY:
        return
    pages = [number for number in range(getattr(image, "n_frames", 1)) if is_full(image, number)]
    image.seek(choose_page(path, pages, page, prefix))


def choose_page(path: Path, pages: list[int], page: int | None, prefix: str = "data.") -> int:
    """The position in a file of the page that was named, or of the only one."""
    if page is None and len(pages) > 1:
        raise UserError(
            f"{path} has {len(pages)} pages; one image per file is read. Save each page as a file, or name the one "
            f"that is meant: {prefix}page=0 is the first."
        )
    if (page or 0) >= len(pages):
        raise UserError(f"{prefix}page={page}, but {path} has {len(pages)} pages, of which 0 is the first.")
    return pages[page or 0]


def is_full(image: PIL.Image.Image, number: int) -> bool:
    """Whether a page is an image of its own."""
    if image.format != "TIFF":
        return True
    image.seek(number)
    tags: Any = image
    return not int(tags.tag_v2.get(SUBFILE, 0)) & REDUCED_OR_MASK


def decode(path: Path, read: Callable[[PIL.Image.Image], T], **opening: Any) -> T:
    """What ``read`` makes of an image file, if the file is whole."""
    with open_image(path, **opening) as image:
        try:
            if image.format == "TIFF" and image.getexif().get(ORIENTATION, 1) in SIDEWAYS:
                raise UserError(f"{path} lies on its side (TIFF's Orientation), where readers differ. Save it upright.")
            if image.format == "TIFF":
                refuse_negative(path, image)
            if image.format == "PNG":  # Pillow decodes them without looking at the checksums
                check_png(path.read_bytes())
            return read(image)
        except UserError:  # a ValueError too, and told already
            raise
        except BROKEN as error:
            raise unreadable(path, error) from error


def refuse_negative(path: Path, image: PIL.Image.Image) -> None:
    """Raise UserError for a TIFF with numbers of 8 bits below 0, of which Pillow makes 128 to 255."""
    tags: Any = image
    signed, bits = (tags.tag_v2.get(tag, (1,)) for tag in (SAMPLE_FORMAT, BITS))
    if SIGNED in signed and set(bits) == {8} and image.tobytes() and max(image.tobytes()) > 127:
        raise UserError(f"{path} has numbers of 8 bits below 0 (TIFF's SampleFormat 2). Save it with 0 to 255.")


def check_png(content: bytes) -> None:
    """Raise ValueError where a PNG is cut off or a part of it has another checksum."""
    kind, end = b"", 8  # each part is its length, kind, content and checksum
    while kind != b"IEND":
        length, begin = int.from_bytes(content[end : end + 4], "big"), end + 4
        kind, end = content[begin : begin + 4], begin + 8 + length
        if end > len(content):
            raise ValueError("truncated PNG file")
        if zlib.crc32(content[begin : end - 4]) != int.from_bytes(content[end - 4 : end], "big"):
            raise ValueError(f"broken PNG file (checksum of {kind!r})")


def unreadable(path: Path, error: Exception) -> UserError:
    """An error about a file that is no whole image."""
    if known := next((what for head, what in STRANGERS.items() if head in beginning(path).lower()), None):
        return UserError(f"Cannot read {path} as an image: {known}")
    told = "cannot identify image file" if isinstance(error, PIL.UnidentifiedImageError) else error
    return UserError(f"Cannot read {path} as an image: {told}. Every listed file must be whole: replace or unlist it.")


def beginning(path: Path) -> bytes:
    """The first bytes of a file; none where it cannot be read."""
    try:
        with regular(path).open("rb") as file:
            return bytes(file.read(32))
    except OSError:
        return b""


def png_depth(path: Path) -> tuple[int, int]:
    """Bits of a channel, and PNG's type of colour: 0 grey, 2 colour, 3 palette, 4 and 6 with transparency."""
    with path.open("rb") as file:
        head = file.read(26)
    return head[24], head[25]


def is_tiff(path: Path) -> bool:
    """Whether a file begins as TIFFs do."""
    try:
        with regular(path).open("rb") as file:
            return file.read(4) in TIFF_HEADS
    except OSError as error:
        raise unreadable(path, error) from error
