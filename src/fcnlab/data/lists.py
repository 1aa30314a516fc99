"""Lists of the images of a split: names in text, rows of a CSV, lines of JSON."""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from fcnlab.data.class_list import read_text
from fcnlab.data.guess_splits import WORD, split_of
from fcnlab.data.images import IMAGE_SUFFIXES, MASK_SUFFIXES
from fcnlab.data.layout import Found
from fcnlab.data.spelling import nfc, on_disk
from fcnlab.error import UserError

COLUMNS = {  # the words that people use, by what they mean; Image_Path, imagePath and image_id are of image
    "mask": ("mask", "msk", "label", "annotation", "ann", "seg", "segmentation", "gt", "target", "ground"),
    "image": ("image", "img", "rgb", "photo", "input", "file", "filename", "filepath", "path"),
    "name": ("name", "id"),
    "split": ("split", "set", "subset", "partition", "phase"),
}
BESIDE = ("", "path", "filepath", "file", "name", "filename", "id", "truth")  # words that say no more
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
    if given.is_file():
        raise UserError(f"data.lists={lists} is no list that is read: {', '.join(SUFFIXES)}, or a folder with them.")
    found = [path for suffix in SUFFIXES if (path := given / f"{split}{suffix}").is_file()]
    if len(found) > 1:
        raise UserError(f"{given} holds {found[0].name} and {found[1].name}: which is meant is not clear. Keep one.")
    return found[0] if found else given / f"{split}.txt"


def read_list(path: Path, split: str) -> list[Listed]:
    """The images of a split, in the list's order; one with a column ``split`` is for all of them."""
    text = read_text(path)
    if path.suffix.lower() not in (".csv", ".jsonl"):
        return [listed_line(posix(line.strip())) for line in text.splitlines() if line.strip()]
    read = (by_meaning(row) for row in rows(text, path))
    return [listed(row, path) for row in read if same_split(str(row.get("split") or split), split)]


def same_split(word: str, other: str) -> bool:
    """Whether two words mean one split: valid and val do."""
    return word.strip().lower() == other.lower() or (split_of(word.strip()) or word) == split_of(other)


def rows(text: str, path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a CSV with a header, or with paths of image and mask in its first line; or of lines of JSON."""
    if path.suffix.lower() == ".csv":
        first = text.partition("\n")[0]
        reader = csv.DictReader(io.StringIO(text), skipinitialspace=True, delimiter=max(",;\t", key=first.count))
        head = [(field or "").strip() for field in reader.fieldnames or ()]
        reader.fieldnames = head
        if head and all(field.lower().endswith(MASK_SUFFIXES) for field in head[:2]):
            reader.fieldnames = ["image", "mask", *head[2:]][: len(head)]
            yield dict(zip(reader.fieldnames, head, strict=True))
        yield from (row for row in reader if any(row.values()))
        return
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                raise UserError(f"{path}, line {number}, is no JSON: {error}.") from error
            yield row if isinstance(row, dict) else {"name": row}


def by_meaning(row: dict[str, Any]) -> dict[str, Any]:
    """A row by what its columns mean; other columns as they are."""
    found = dict[str, Any]()
    for column, value in row.items():
        words = [word.lower() for word in WORD.findall(str(column))] or [""]
        first = words[0].removesuffix("s")
        known = all(word.removesuffix("s") in BESIDE for word in words[1:])
        meaning = next((key for key, some in COLUMNS.items() if known and {first, *words[:1]} & {*some}), str(column))
        if value and meaning not in found:
            found[meaning] = value
    return found


def listed(row: dict[str, Any], path: Path) -> Listed:
    """An image from a row."""
    image, mask, name = (posix(str(row.get(key) or "").strip()) for key in ("image", "mask", "name"))
    if not (image or name):
        raise UserError(
            f"{path} has a row without a name: {row}. Its columns are name, or image and mask (paths seen from "
            "data.root), and split if it lists them all."
        )
    return Listed(nfc(without_suffix(name or image)), image or None, mask or None, nfc(image or name))


def fits(written: str, found: Found) -> bool:
    """Whether the folders that a list writes before a name are those of an image."""
    folders = {*PurePosixPath(written).parts[:-1]}
    own = {value for field, value in found.fields.items() if field != "name"}
    return own <= folders or ends(written, found.path)


def ends(written: str, path: Path) -> bool:
    """Whether a path ends as a list writes it, with its suffix or without."""
    text = nfc(path.as_posix())
    return any(one.endswith(f"/{nfc(written)}") for one in (text, text.removesuffix(path.suffix)))


def listed_line(line: str) -> Listed:
    """A name, or the paths of an image and its mask with a space, tab, comma or semicolon between them."""
    for middle in [found.span() for found in re.finditer(r"\s*[,;]\s*|\s+", line)]:
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
