"""Mask files are read as they are stored, which is not what a viewer shows."""

from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest
import tifffile
from data.made import png, save

from fcnlab.data.masks import read_mask_file
from fcnlab.data.opened import ORIENTATION
from fcnlab.error import UserError

VALUES = np.arange(16, dtype=np.uint8).reshape(2, 8)


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_grey_of_any_depth_gives_the_stored_values(depth: int, tmp_path: Path) -> None:
    values = VALUES.astype(int) * 4096 if depth == 16 else VALUES.astype(int) % 2**depth
    png(tmp_path / "m.png", values, depth=depth)
    file = read_mask_file(tmp_path / "m.png")
    assert (file.values == values).all()
    with PIL.Image.open(tmp_path / "m.png") as shown:
        assert (file.values * file.scale == np.asarray(shown.convert("L"))).all() or depth == 16


def test_a_palette_and_its_labels_are_kept(tmp_path: Path) -> None:
    png(tmp_path / "m.png", VALUES % 4, depth=2, kind=3, palette=bytes(range(12)))
    file = read_mask_file(tmp_path / "m.png")
    assert (file.values == VALUES % 4).all()
    assert file.palette is not None
    assert file.palette.tolist() == np.arange(12).reshape(4, 3).tolist()


@pytest.mark.parametrize("suffix", ["bmp", "tif", "gif", "png"])
def test_a_palette_is_read_from_every_format_that_has_one(suffix: str, tmp_path: Path) -> None:
    mask = PIL.Image.fromarray(VALUES % 4)
    mask.putpalette(bytes(range(12)))
    mask.save(tmp_path / f"m.{suffix}")
    file = read_mask_file(tmp_path / f"m.{suffix}")
    assert (file.values == VALUES % 4).all()
    assert file.palette is not None
    assert file.palette[:4].tolist() == np.arange(12).reshape(4, 3).tolist()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_mask_is_turned_as_an_image_with_the_same_tag(orientation: int, tmp_path: Path) -> None:
    header = PIL.Image.Exif()
    header[ORIENTATION] = orientation
    save(tmp_path / "m.png", VALUES, exif=header)
    with PIL.Image.open(tmp_path / "m.png") as shown:
        assert (read_mask_file(tmp_path / "m.png").values == np.asarray(PIL.ImageOps.exif_transpose(shown))).all()
    both = np.dstack([VALUES, VALUES, VALUES, VALUES])
    save(tmp_path / "c.png", both, exif=header)
    file = read_mask_file(tmp_path / "c.png")
    assert (file.values[..., 0] == file.alpha).all()


def test_transparency_is_kept_where_it_varies(tmp_path: Path) -> None:
    for name, alpha in (("same", VALUES * 0 + 9), ("varies", VALUES)):
        save(tmp_path / f"{name}.png", np.dstack([VALUES, VALUES, VALUES, alpha]))
    assert read_mask_file(tmp_path / "same.png").alpha is None
    assert (read_mask_file(tmp_path / "varies.png").alpha == VALUES).all()


def test_labels_of_32_bits_are_read_where_they_fit(tmp_path: Path) -> None:
    save(tmp_path / "m.tif", VALUES.astype(np.int32) * 1000)
    assert (read_mask_file(tmp_path / "m.tif").values == VALUES.astype(int) * 1000).all()
    save(tmp_path / "m.tif", VALUES.astype(np.int32) - 1)
    assert (read_mask_file(tmp_path / "m.tif").values == VALUES.astype(int) - 1).all()
    save(tmp_path / "m.tif", VALUES.astype(np.int32) + 65536)
    with pytest.raises(UserError, match="has labels 65536 to 65551. Labels are 0 to 65535"):
        read_mask_file(tmp_path / "m.tif")


def refused(tmp_path: Path, kind: str) -> Path:
    path = tmp_path / f"m.{kind.split()[0]}"
    if kind == "tif of two bands":
        tifffile.imwrite(path, np.dstack([VALUES, VALUES]), photometric="minisblack", planarconfig="contig")
    elif kind == "tif whose zero is white":
        tifffile.imwrite(path, VALUES, photometric="miniswhite")
    elif kind == "tif with JPEG inside":
        save(path, np.repeat(VALUES[..., None], 3, 2), compression="jpeg")
    elif kind == "tif of floats":
        save(path, VALUES.astype(np.float32))
    elif kind == "tif of ink":
        PIL.Image.fromarray(VALUES).convert("CMYK").save(path)
    else:
        save(path, VALUES)
    return path


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("tif of two bands", "has 2 bands. A mask holds one class index"),
        ("tif whose zero is white", "zero is white"),
        ("tif with JPEG inside", "TIFF with lossy compression"),
        ("tif of floats", "has mode F"),
        ("tif of ink", "has mode CMYK"),
        ("jpg", "is a JPEG: its compression makes up values"),
        ("jp2", "is a JPEG2000"),
        ("webp", "is a lossy WebP"),
    ],
)
def test_what_stores_no_labels_is_refused(kind: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=told):
        read_mask_file(refused(tmp_path, kind))
