"""TIFFs of many bands are read as they were written; what is missing or meant otherwise is told."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from data.made import save

from fcnlab.data import tiff
from fcnlab.data.images import ImageReader
from fcnlab.error import UserError

BANDS = np.random.default_rng(0).integers(0, 255, (6, 7, 5), dtype=np.uint8)


def test_size_and_bands_are_those_that_were_written(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, BANDS, photometric="rgb", compression="zlib")
    assert tiff.needs_tifffile(path)
    assert tiff.tiff_size(path) == ImageReader().size(path) == (7, 6)
    assert (tiff.read_tiff(path, None) == BANDS).all()


def test_an_ordinary_tiff_needs_no_other_package(tmp_path: Path) -> None:
    for values in (BANDS[..., 0], BANDS[..., :3], BANDS[..., 0].astype(np.uint16)):
        save(tmp_path / "a.tif", np.ascontiguousarray(values))
        assert not tiff.needs_tifffile(tmp_path / "a.tif")


def test_without_tifffile_the_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tifffile.imwrite(tmp_path / "a.tif", BANDS, photometric="rgb")
    monkeypatch.setitem(__import__("sys").modules, "tifffile", None)
    with pytest.raises(UserError, match=r"needs the package tifffile: .*\[data\]"):
        ImageReader(channels=5).read(tmp_path / "a.tif")


def test_pages_turned_and_broken_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.stack([BANDS] * 3), photometric="rgb")
    with pytest.raises(UserError, match="has 3 pages; one image per file is read"):
        ImageReader(channels=5).read(path)
    assert (ImageReader(channels=5, page=1).read(path) == BANDS).all()
    tifffile.imwrite(path, BANDS, photometric="rgb", extratags=[(274, "H", 1, 6, True)])
    with pytest.raises(UserError, match="is to be turned when shown"):
        ImageReader(channels=5).read(path)
    tifffile.imwrite(path, BANDS, photometric="rgb")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"Cannot read .*a.tif as an image"):
        ImageReader(channels=5).read(path)
