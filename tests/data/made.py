"""Folders made up for the tests: labels that are known, written in every way that people write them."""

import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from fcnlab.cli.compose import build, compose
from fcnlab.data.folder import Folder

SPLITS = {"train": range(0, 4), "val": range(4, 6), "test": range(6, 8)}
SHAPE = (12, 14)
COLOURS = np.array([[0, 0, 0], [200, 30, 30], [30, 200, 30], [30, 30, 200]], np.uint8)
Write = Callable[[Path, np.ndarray], object]


def truth(index: int, classes: int = 3) -> np.ndarray:
    """The labels of image ``index``: blocks, so that every class has pixels beside each other."""
    small = np.random.default_rng(index).integers(0, classes, (SHAPE[0] // 2, SHAPE[1] // 2), dtype=np.uint8)
    small.flat[:classes] = range(classes)  # each class is there
    return small.repeat(2, 0).repeat(2, 1)


def photo(index: int) -> np.ndarray:
    return np.random.default_rng(100 + index).integers(0, 255, (*SHAPE, 3), dtype=np.uint8)


def make(
    root: Path,
    mask: Write | None = None,
    image: Write | None = None,
    *,
    classes: str | None = "ground\nleaf\nstem\n",
    count: int = 3,
    image_name: str = "images/photo_{}.png",
    mask_name: str = "masks/photo_{}.png",
    lists: bool = True,
) -> Path:
    """Eight images with masks, written by ``image(path, photo)`` and ``mask(path, labels)``, with lists of names."""
    for index in range(8):
        split = next(split for split, places in SPLITS.items() if index in places)
        paths = [root / text.replace("{split}", split).format(index) for text in (image_name, mask_name)]
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
        (image or save)(paths[0], photo(index))
        (mask or save)(paths[1], truth(index, count))
    if classes is not None:
        (root / "classes.txt").write_text(classes)
    if lists:
        (root / "lists").mkdir(exist_ok=True)
        for split, places in SPLITS.items():
            (root / "lists" / f"{split}.txt").write_text("".join(f"photo_{i}\n" for i in places))
    return root


def save(path: Path, values: np.ndarray, **options: Any) -> None:
    PIL.Image.fromarray(values).save(path, **options)


def palette_png(path: Path, values: np.ndarray, palette: Any = COLOURS) -> None:
    picture = PIL.Image.fromarray(values)
    picture.putpalette(np.asarray(palette, np.uint8).ravel().tolist())
    picture.save(path)


def png(path: Path, values: np.ndarray, *, depth: int, kind: int = 0, palette: bytes = b"") -> None:
    """A grey (0) or palette (3) PNG of ``depth`` bits, written byte by byte as the specification says."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    rows = b""
    for row in values:
        bits = "".join(format(int(value), f"0{depth}b") for value in row)
        bits += "0" * (-len(bits) % 8)
        rows += b"\0" + bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
    head = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], depth, kind, 0, 0, 0)
    parts = [chunk(b"IHDR", head), *([chunk(b"PLTE", palette)] if palette else [])]
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + b"".join([*parts, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")])
    )


def words(root: Path, *more: str, lists: bool = True) -> list[str]:
    return ["data=folder", f"data.root='{root}'", *(["data.lists=lists"] if lists else []), *more]


def folder(root: Path, *more: str, lists: bool = True) -> Folder:
    """The folder as ``fcnlab.train`` builds it."""
    data = build(compose("train", words(root, *more, lists=lists)).data)
    assert isinstance(data, Folder)
    return data


def same(data: Folder, expected: Callable[[int], np.ndarray] = truth, splits: Sequence[str] = tuple(SPLITS)) -> bool:
    """Whether every mask is read, and counted, as it was made, pixel by pixel, and every image beside its own mask."""
    for split in splits:
        names = list(data.names(split))
        pixels = sum(np.bincount(expected(int(name.rpartition("_")[2])).ravel(), minlength=256) for name in names)
        assert names
        for place, name in enumerate(names):
            index = int(name.rpartition("_")[2])
            image, mask = data.read(split, place)
            if not (mask.dtype == np.uint8 and np.array_equal(mask, expected(index))):
                return False
            assert image.shape == (*SHAPE, len(data.mean))
        assert data.contents(split).pixels == list(pixels)
    return True
