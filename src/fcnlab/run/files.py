"""Small files of a run: written whole or not at all, and read with a message where something else damaged them."""

import contextlib
import csv
import hashlib
import json
import math
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from fcnlab.cli.terminal import is_first_process
from fcnlab.error import UserError

if TYPE_CHECKING:
    import PIL.Image

DAMAGED = (ValueError, TypeError, KeyError, AttributeError, EOFError, zipfile.BadZipFile, yaml.YAMLError)


def writable(folder: Path, setting: str) -> Path:
    """The folder, made if need be. Raises UserError, before anything is computed, where it cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise UserError(
            f"Cannot write to {setting}={folder}: {error}. Set {setting}=... to a folder of yours."
        ) from error
    return folder


def write_atomic(path: Path, text: str) -> None:
    """Write a file aside and rename it, so that a reader never finds half of one; of many processes the first does."""
    if not is_first_process():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with aside.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())  # a power cut may otherwise leave the name without the content
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)  # what a full disk left of it


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write plain Python as readable JSON, whole or not at all; null for what is no number, which JSON cannot say."""
    write_atomic(path, json.dumps(without_nan(content), indent=2, allow_nan=False) + "\n")


def write_png(path: Path, image: "PIL.Image.Image") -> None:
    """Write an image aside and rename it: what a full disk or a killed process leaves is no mask under its name."""
    aside = path.with_name(f".{os.getpid()}.aside")
    try:
        image.save(aside, "PNG")
        aside.replace(path)
    except OSError as error:
        error.filename = error.filename or str(path)  # which Pillow does not tell
        raise
    finally:
        aside.unlink(missing_ok=True)


def without_nan(node: Any) -> Any:
    """Nested plain Python with None for NaN and infinity."""
    if isinstance(node, Mapping):
        return {key: without_nan(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [without_nan(value) for value in node]
    return None if isinstance(node, float) and not math.isfinite(node) else node


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Around the reading of a file of a run: what is not as it was written is a UserError."""
    try:
        yield
    except DAMAGED as error:
        raise UserError(
            f"{path} is damaged ({type(error).__name__}): fcnlab writes files at once, so something else changed it. "
            "Put it back from a copy. Or delete record.json and metrics.json of that run: the same command then goes "
            "on from its last checkpoint and is scored anew."
        ) from error


def fitting(name: str, suffix: str = "", room: int = 255) -> str:
    """``name`` + ``suffix`` in at most ``room`` bytes, which is what a file system takes.

    A longer name is cut, and told from others that begin alike by eight hexadecimal digits of a hash.
    """
    folder, slash, last = name.rpartition("/")
    if len((last + suffix).encode()) > room:
        mark = f"~{hashlib.sha256(last.encode()).hexdigest()[:8]}"
        last = last.encode()[: room - len((mark + suffix).encode())].decode(errors="ignore") + mark
    return f"{folder}{slash}{last}{suffix}"


def read_json(path: Path) -> dict[str, Any]:
    """What ``write_json`` wrote; empty where there is nothing."""
    with reading(path):
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def read_scores(path: Path) -> dict[str, float]:
    """The scores of a metrics.json by metric key; NaN where there was nothing to score."""
    with reading(path):
        return {key: math.nan if value is None else float(value) for key, value in read_json(path).items()}


def read_history(path: Path) -> list[dict[str, float]]:
    """The rows of a history.csv, one per epoch and per validation within one."""
    with reading(path), path.open(encoding="utf-8") as file:
        return [{key: float(value) for key, value in row.items() if value} for row in csv.DictReader(file)]
