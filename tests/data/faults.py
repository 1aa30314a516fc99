"""A person's own images with every fault that was met: a table for tests that drive the commands."""

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image

IMAGES = 12


def make_folder(folder: Path) -> Path:
    """Images of three sizes with palette masks, class names in a text file, a list for every split."""
    random = np.random.default_rng(0)
    for kind in ("images", "masks", "lists"):
        (folder / kind).mkdir(parents=True)
    for i in range(IMAGES):
        mask = random.integers(0, 3, (40 + 8 * (i % 3), 50), dtype=np.uint8)
        PIL.Image.fromarray(np.repeat(mask[..., None] * 80, 3, 2)).save(folder / "images" / f"photo_{i}.jpg")
        palette = PIL.Image.fromarray(mask)
        palette.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
        palette.save(folder / "masks" / f"photo_{i}.png")
    (folder / "classes.txt").write_text("ground\nleaf\nstem\n")
    for split, places in {"train": range(6), "val": range(6, 8), "test": range(8, 11)}.items():
        (folder / "lists" / f"{split}.txt").write_text("".join(f"photo_{i}\n" for i in places))
    return folder


def image(root: Path) -> Path:
    return root / "images" / "photo_0.jpg"


def mask(root: Path) -> Path:
    return root / "masks" / "photo_0.png"


def cut(path: Path, keep: int = 400) -> None:
    path.write_bytes(path.read_bytes()[:keep])


def as_png(root: Path) -> Path:
    """The first image again, as a PNG of which one checksum is wrong."""
    buffer = io.BytesIO()
    with PIL.Image.open(image(root)) as photo:
        photo.save(buffer, "png")
    content = bytearray(buffer.getvalue())
    begin = content.index(b"IDAT")
    (length,) = struct.unpack(">I", content[begin - 4 : begin])
    content[begin + 4 + length] ^= 1
    image(root).unlink()
    image(root).with_suffix(".png").write_bytes(content)
    return image(root)


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def write(root: Path, name: str, text: str) -> None:
    (root / name).write_text(text)


Fault = Callable[[Path], object]
# What is done to the folder, and what the message says: the file or value, the rule, the hint.
FAULTS: dict[str, tuple[Fault, list[str]]] = {
    "truncated JPEG": (lambda r: cut(image(r)), ["photo_0.jpg as an image", "runcated", "replace or unlist it"]),
    "PNG with a wrong checksum": (as_png, ["photo_0.png as an image", "broken PNG", "replace or unlist it"]),
    "truncated mask": (lambda r: cut(mask(r), 250), ["photo_0.png as an image", "replace or unlist it"]),
    "zero-byte image": (lambda r: cut(image(r), 0), ["photo_0.jpg as an image", "must be whole"]),
    "zero-byte mask": (lambda r: cut(mask(r), 0), ["photo_0.png as an image", "must be whole"]),
    "text for an image": (lambda r: image(r).write_text("hello"), ["photo_0.jpg as an image", "must be whole"]),
    "image that is a folder": (lambda r: replace_by_folder(image(r)), ["photo_0.jpg", "is missing", "Expected"]),
    "mask missing": (lambda r: mask(r).unlink(), ["photo_0.png of split 'train' is missing", "Expected"]),
    "mask of another size": (
        lambda r: PIL.Image.new("L", (5, 4)).save(mask(r)),
        ["photo_0.png is 5x4, its image 50x40", "must have its image's size"],
    ),
    "mask in colour": (
        lambda r: PIL.Image.new("RGB", (50, 40), "red").save(mask(r)),
        ["photo_0.png has mode RGB", "one class index per pixel", "8-bit grey or palette PNG"],
    ),
    "mask with label 37": (
        lambda r: PIL.Image.new("L", (50, 40), 37).save(mask(r)),
        ["photo_0.png has label 37", "Known labels are 0 to 2", "Mend the mask or name its class"],
    ),
    "list naming a file that is not there": (
        lambda r: write(r, "lists/train.txt", "photo_0\nphoto_99\n"),
        ["photo_99 of split 'train' is missing", "Expected"],
    ),
    "duplicate names": (
        lambda r: write(r, "lists/train.txt", "photo_0\nphoto_1\nphoto_0\n"),
        ["names photo_0 more than once", "Name each image once"],
    ),
    "empty split": (lambda r: write(r, "lists/val.txt", "\n"), ["Split 'val' under data.root=", "is empty"]),
    "list missing": (lambda r: (r / "lists" / "test.txt").unlink(), ["test.txt is missing", "Expected"]),
    "class names missing": (lambda r: (r / "classes.txt").unlink(), ["classes.txt of class names", "Expected"]),
    "class named twice": (lambda r: write(r, "classes.txt", "a\na\n"), ["one class name per line, none twice"]),
}
