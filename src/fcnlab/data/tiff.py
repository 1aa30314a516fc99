"""TIFFs that Pillow does not read as they are: more than three bands, colours of 16 bits; read by tifffile."""

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from fcnlab.data.held import openable
from fcnlab.data.opened import BROKEN, choose_page, open_image, unreadable, without_limit
from fcnlab.error import UserError, import_extra

BITS, PHOTOMETRIC, BANDS, ORIENTATION = 258, 262, 277, 274
SEPARATED, YCBCR = 5, 6  # CMYK, and colours that JPEG has compressed


def needs_tifffile(path: Path, **opening: Any) -> bool:
    """Whether a TIFF holds more than Pillow would tell: bands after the third, low bits of colours."""
    try:
        with without_limit():
            probe = PIL.Image.open(openable(path))
        probe.close()
    except BROKEN:
        return True
    with open_image(path, **opening) as image:
        if image.format != "TIFF":
            return False
        tags: Any = image
        bands, bits = int(tags.tag_v2.get(BANDS, 1)), tags.tag_v2.get(BITS, (1,))
        if tags.tag_v2.get(PHOTOMETRIC) in (SEPARATED, YCBCR):
            return False
        return bands > 3 or bands != len(image.getbands()) or (bands > 1 and max(bits) > 8)


def library(path: Path) -> Any:
    """The package tifffile. Raises UserError where it is missing."""
    return import_extra("tifffile", "data", f"{path}, a TIFF of many bands or of 16 bits a colour,")


def tiff_size(path: Path) -> tuple[int, int]:
    """Width and height of the first page."""
    tifffile = library(path)
    try:
        with tifffile.TiffFile(openable(path)) as file:
            return int(file.pages[0].imagewidth), int(file.pages[0].imagelength)
    except Exception as error:  # what a broken file raises is not defined by tifffile
        raise unreadable(path, error) from error


def read_tiff(path: Path, page: int | None, prefix: str = "data.") -> np.ndarray[Any, Any]:
    """One page as (H, W) or (H, W, b), of the depth that the file has."""
    tifffile = library(path)
    try:
        with tifffile.TiffFile(openable(path)) as file:
            pages = [number for number, one in enumerate(file.pages) if not (one.is_reduced or one.is_mask)]
            chosen = file.pages[choose_page(path, pages, page, prefix)]
            if chosen.tags.get(ORIENTATION) is not None and int(chosen.tags[ORIENTATION].value) != 1:
                raise UserError(f"Image {path} is to be turned when shown (TIFF's Orientation). Save it upright.")
            axes, values = chosen.axes, chosen.asarray()
    except UserError:
        raise
    except Exception as error:  # likewise
        raise unreadable(path, error) from error
    if axes == "SYX":
        values = np.moveaxis(values, 0, -1)
    elif axes not in ("YX", "YXS"):
        raise UserError(f"Image {path} has axes {axes}. One image per file is read: height, width and bands.")
    return np.ascontiguousarray(values)
