"""Mask files as they are stored: labels of 1 to 16 bits or colours, never what a viewer makes of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import PIL.Image

from fcnlab.data.held import held, regular
from fcnlab.data.images import TURNS
from fcnlab.data.opened import ORIENTATION, check_pixels, decode, png_depth, unreadable
from fcnlab.error import UserError

LOSSY = ("JPEG", "MPO", "JPEG2000", "AVIF", "HEIF")
LOSSY_TIFF = ("jpeg", "tiff_jpeg", "webp")
SCALED = {2: 85, 4: 17}  # Pillow spreads grey of so many bits over 0..255
BITS, PHOTOMETRIC, BANDS = 258, 262, 277  # tags of TIFF
WHITE_IS_ZERO = 0
LOWEST, HIGHEST = -32768, 65535  # labels
Stored = np.ndarray[Any, np.dtype[Any]]  # (H, W) uint8 or uint16 labels, int32 if any is negative; or (H, W, 3) colours


class MaskFile(NamedTuple):
    """What a mask file holds.

    Args:
        values: (H, W) labels, or (H, W, 3) colours where the file has no labels.
        mode: Pillow's word for the kind of file.
        palette: (n, 3) colours by label, of a palette file.
        alpha: (H, W), where it is not the same everywhere.
        scale: what grey of fewer than 8 bits is multiplied by when it is shown.
    """

    values: Stored
    mode: str
    palette: np.ndarray[Any, np.dtype[np.uint8]] | None = None
    alpha: np.ndarray[Any, np.dtype[np.uint8]] | None = None
    scale: int = 1


def read_mask_file(path: Path, *, lossy: bool = False, **opening: Any) -> MaskFile:
    """The stored values of a mask file.

    Args:
        lossy: take a file whose compression changes values.
        opening: page and limit of pixels, as ``open_image`` takes them.
    """
    if is_array(path):
        return read_array(path, **opening)
    file = held(path)

    def read(mask: PIL.Image.Image) -> MaskFile:
        if not lossy:
            refuse_lossy(file, mask)
        if mask.format == "TIFF":
            refuse_odd_tiff(file, mask)
        if mask.mode in READERS:
            return turned(READERS[mask.mode](file, mask), mask)
        raise UserError(
            f"Mask {path} has mode {mask.mode}. A mask holds one class index per pixel, or one colour per class: save "
            "it as an 8-bit grey or palette PNG."
        )

    return decode(file, read, **opening)


def is_array(path: Path) -> bool:
    """Whether a mask is an array that numpy saved."""
    return path.suffix.lower() == ".npy"


def open_array(path: Path) -> Stored:
    """A mask of numpy's format, of which the header alone is read yet; nothing in it is executed."""
    try:
        values: Stored = np.load(regular(path), mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise unreadable(path, error) from error
    if values.ndim != 2 or values.dtype.kind not in "iub":
        raise UserError(
            f"Mask {path} holds {values.dtype} of shape {values.shape}. A mask is (H, W) whole numbers, one class "
            "index per pixel."
        )
    return values


def read_array(path: Path, *, max_pixels: int | None = None, prefix: str = "data.", **_: Any) -> MaskFile:
    """The labels of a mask of numpy's format."""
    stored = open_array(path)
    check_pixels(path, stored.shape[1], stored.shape[0], max_pixels, prefix)
    return MaskFile(as_labels(np.array(stored), f"Mask {path}"), "array")


def as_labels(values: Stored, what: str) -> Stored:
    """Whole numbers of any kind as labels: uint8 or uint16, int32 where some are negative. Raises UserError beyond."""
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    if not LOWEST <= low <= high <= HIGHEST:
        raise UserError(f"{what} has labels {low} to {high}. Labels are 0 to {HIGHEST}, negative ones void.")
    return values.astype(np.int32 if low < 0 else np.uint16 if high > 255 else np.uint8)


def turned(file: MaskFile, mask: PIL.Image.Image) -> MaskFile:
    """A mask as it is shown, turned by its EXIF tag as its image is by its own; a TIFF Pillow has turned already."""
    turn = TURNS.get(mask.getexif().get(ORIENTATION, 1))
    if turn is None:
        return file
    alpha = None if file.alpha is None else np.ascontiguousarray(turn(file.alpha))
    return file._replace(values=np.ascontiguousarray(turn(file.values)), alpha=alpha)


def read_labels_of(path: Path, mask: PIL.Image.Image) -> MaskFile:
    """Grey and palette files of 1 to 8 bits."""
    if mask.mode == "P":
        values = np.array(mask)  # first: only then the palette is complete
        return MaskFile(values, "P", palette=np.array(mask.getpalette("RGB") or [], np.uint8).reshape(-1, 3))
    values = np.array(mask, dtype=np.uint8)
    if mask.mode == "1":
        return MaskFile(values, mask.mode, scale=255)
    scale = SCALED.get(grey_bits(path, mask), 1)
    return MaskFile(values // scale if scale > 1 else values, mask.mode, scale=scale)


def read_wide(path: Path, mask: PIL.Image.Image) -> MaskFile:
    """Grey of 16 or 32 bits."""
    return MaskFile(as_labels(np.asarray(mask), f"Mask {path}"), mask.mode)


def read_colours(path: Path, mask: PIL.Image.Image) -> MaskFile:
    """Red, green and blue, and transparency where it varies."""
    if mask.format == "PNG" and png_depth(path)[0] == 16:
        raise UserError(f"Mask {path} has colours of 16 bits a channel. Save it with 8.")
    values = np.array(mask)
    if mask.mode == "LA":
        values = values[..., [0, 0, 0, 1]]
    alpha = values[..., 3] if values.shape[2] == 4 else None
    varies = alpha is not None and alpha.min() < alpha.max()
    return MaskFile(np.ascontiguousarray(values[..., :3]), mask.mode, alpha=alpha if varies else None)


READERS: dict[str, Callable[[Path, PIL.Image.Image], MaskFile]] = {
    **dict.fromkeys(("1", "L", "P"), read_labels_of),
    **dict.fromkeys(("I", "I;16", "I;16B", "I;16L"), read_wide),
    **dict.fromkeys(("RGB", "RGBA", "LA"), read_colours),
}


def grey_bits(path: Path, mask: PIL.Image.Image) -> int:
    """Bits of a grey pixel in the file."""
    if mask.format == "PNG":
        return png_depth(path)[0]
    tags: Any = mask
    return int(tags.tag_v2.get(BITS, (1,))[0]) if mask.format == "TIFF" else 8


def refuse_lossy(path: Path, mask: PIL.Image.Image) -> None:
    """Raise UserError for a compression that makes up values around every edge."""
    kind = mask.format if mask.format in LOSSY else None
    if mask.format == "WEBP" and b"VP8L" not in path.read_bytes()[:64]:
        kind = "lossy WebP"
    if mask.format == "TIFF" and mask.info.get("compression") in LOSSY_TIFF:
        kind = "TIFF with lossy compression"
    if kind:
        raise UserError(
            f"Mask {path} is a {kind}: its compression makes up values around every edge, which are no labels. Draw it "
            "anew from the source and save it as PNG; or, for two classes, data.threshold=127 takes what is brighter "
            "for the second."
        )


def refuse_odd_tiff(path: Path, mask: PIL.Image.Image) -> None:
    """Raise UserError for a TIFF with bands that Pillow leaves out, or whose zero is white: then labels are unclear."""
    tags: Any = mask
    if (bands := int(tags.tag_v2.get(BANDS, 1))) != len(mask.getbands()):
        raise UserError(f"Mask {path} has {bands} bands. A mask holds one class index per pixel: save it as PNG.")
    if tags.tag_v2.get(PHOTOMETRIC) == WHITE_IS_ZERO:
        raise UserError(
            f"Mask {path} is a TIFF whose zero is white (PhotometricInterpretation 0), so viewers show other values "
            "than it stores. Save it as PNG."
        )
