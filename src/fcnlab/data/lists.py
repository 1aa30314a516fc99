"""Lists of the images of a split: names in text, rows of a CSV, lines of JSON."""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from fcnlab.data.class_list import read_text
from fcnlab.data.images import IMAGE_SUFFIXES, MASK_SUFFIXES
from fcnlab.data.spelling import nfc, on_disk
from fcnlab.error import UserError

COLUMNS = {  # the words that people use, by what they mean
    "image": ("image", "images", "img", "image_path", "filename", "file_name", "file"),
    "mask": ("mask", "masks", "mask_path", "label", "label_path", "annotation", "seg"),
    "name": ("name", "id"),
}
SUFFIXES = (".txt", ".csv", ".jsonl", ".lst")


class Listed(NamedTuple):
    """One image of a list: its name, where it and its mask lie if the list says so, and the name with its folders."""

    name: str
    image: str | None = None
    mask: str | None = None
    written: str = ""


def find_list(root: Path, lists: str, split: str) -> Path:
    """The list of a split: in the folder ``lists``, or where ``lists`` says with {split}, or one for all splits."""
    given = on_disk(root / lists.replace("{split}", split))
    if given.suffix.lower() in SUFFIXES and not given.is_dir():
        return given
    found = [path for suffix in SUFFIXES if (path := given / f"{split}{suffix}").is_file()]
    if len(found) > 1:
        raise UserError(f"{given} holds {found[0].name} and {found[1].name}: which is meant is not clear. Keep one.")
    return found[0] if found else given / f"{split}.txt"


def read_list(path: Path, split: str) -> list[Listed]:
    """The images of a split, in the list's order; one with a column ``split`` is for all of them."""
    text = read_text(path)
    if path.suffix.lower() not in (".csv", ".jsonl"):
        return [listed_line(posix(line.strip())) for line in text.splitlines() if line.strip()]
    return [listed(row, path) for row in rows(text, path) if str(row.get("split") or split) == split]


def rows(text: str, path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a CSV with a header, or of lines of JSON."""
    if path.suffix.lower() == ".csv":
        first = text.partition("\n")[0]
        reader = csv.DictReader(io.StringIO(text), skipinitialspace=True, delimiter=max(",;\t", key=first.count))
        reader.fieldnames = [(field or "").strip().lower() for field in reader.fieldnames or ()]
        yield from (row for row in reader if any(row.values()))
        return
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                raise UserError(f"{path}, line {number}, is no JSON: {error}.") from error
            yield row if isinstance(row, dict) else {"name": row}


def listed(row: dict[str, Any], path: Path) -> Listed:
    """An image from a row."""
    image, mask, name = (
        next((posix(str(row[word]).strip()) for word in words if row.get(word)), None) for words in COLUMNS.values()
    )
    if not (image or name):
        raise UserError(
            f"{path} has a row without a name: {dict(row)}. Its columns are name, or image and mask (paths seen from "
            "data.root), and split if it lists them all."
        )
    return Listed(nfc(without_suffix(name or image or "")), image, mask, nfc(image or name or ""))


def listed_line(line: str) -> Listed:
    """A name, or the paths of an image and its mask with a space or tab between them."""
    for middle in [found.span() for found in re.finditer(r"\s+", line)]:
        image, mask = line[: middle[0]], line[middle[1] :]
        if Path(image).suffix.lower() in IMAGE_SUFFIXES and Path(mask).suffix.lower() in MASK_SUFFIXES:
            return Listed(nfc(without_suffix(image)), image, mask, nfc(image))
    return Listed(nfc(without_suffix(line)), written=nfc(line))


def posix(path: str) -> str:
    """A path of Windows with slashes, and without its drive."""
    return re.sub(r"^[A-Za-z]:(?=/)", "", path.replace("\\", "/"))


def without_suffix(line: str) -> str:
    """The name in a line of a list, which may have a folder and a suffix; ``scene.0001`` has none."""
    path = Path(line)
    return path.stem if path.suffix.lower() in IMAGE_SUFFIXES else path.name
