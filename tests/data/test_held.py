"""A file that a table holds is read as the same file in a folder is: images and masks of every kind."""

import io
from pathlib import Path
from typing import Any, cast

import numpy as np
import PIL.Image
import pytest
import tifffile

from fcnlab.data.held import HeldFile, held
from fcnlab.data.images import ImageReader
from fcnlab.data.masks import read_mask_file
from fcnlab.error import UserError

RANDOM = np.random.default_rng(0)


def written(values: np.ndarray, kind: str) -> bytes:
    stream = io.BytesIO()
    if kind == "bands":
        tifffile.imwrite(stream, values, photometric="minisblack", planarconfig="contig")
    else:
        PIL.Image.fromarray(values).save(stream, kind)
    return stream.getvalue()


IMAGES: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "PNG": (RANDOM.integers(0, 255, (6, 7, 3), dtype=np.uint8), "png", {}),
    "JPEG": (RANDOM.integers(0, 255, (6, 7, 3), dtype=np.uint8), "jpeg", {}),
    "TIFF of many bands": (RANDOM.integers(0, 255, (6, 7, 5), dtype=np.uint8), "bands", {"channels": 5}),
}


@pytest.mark.parametrize("case", IMAGES)
def test_an_image_is_the_same(case: str, tmp_path: Path) -> None:
    values, kind, settings = IMAGES[case]
    content, reader = written(values, kind), ImageReader(**settings)
    (tmp_path / "file").write_bytes(content)
    row = cast("Path", HeldFile("row 3", lambda: content))
    assert np.array_equal(reader.read(row), reader.read(tmp_path / "file"))
    assert reader.size(row) == (7, 6)


def test_a_mask_is_the_same_and_a_broken_one_is_named() -> None:
    content = written(np.eye(5, dtype=np.uint8), "png")
    assert np.array_equal(read_mask_file(cast("Path", HeldFile("row 3", lambda: content))).values, np.eye(5))
    with pytest.raises(UserError, match="Cannot read row 3 of the table as an image"):
        read_mask_file(cast("Path", HeldFile("row 3 of the table", lambda: content[:40])))


def test_a_file_is_read_once_however_often_it_is_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    file = held(tmp_path / "file")
    assert file.read_bytes() == b"content"
    (tmp_path / "file").unlink()
    with file.open("rb") as stream:
        assert stream.read() == b"content"
