"""What was found in a data set's files, kept beside the run folders: looked for anew only where files changed."""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import filelock
import PIL

from fcnlab.cli.terminal import say
from fcnlab.data.contents import Contents

# Settings of a data set that change nothing of what its files hold.
APART = frozenset(
    {
        *("name", "augment", "batch_size", "replacement", "num_workers", "seed", "download", "cache"),
        *("image_size", "mean", "std", "order", "scale", "hide"),
    }
)
PATIENCE = 5.0  # seconds of waiting for another process before it is told


class Kept:
    """A folder of findings: one file per data set and split, each with the stamp of the files that it was found in.

    Many processes may ask at once: one looks, the others wait for what it finds. Where the folder cannot be written
    to, each looks by itself.

    Args:
        folder: made where it is missing.
        config: the data set's, in plain Python; what changes the reading of its files makes other findings.
    """

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        self.folder = folder
        self.config = {key: value for key, value in config.items() if key not in APART}

    def get(self, name: str, split: str, stamp: str, look: Callable[[], Contents]) -> Contents:
        """What is kept of a split if the stamp is still the same, else what ``look`` finds, which is kept then."""
        recipe = repr((sorted(self.config.items()), str(Path.cwd()), split))
        file = self.folder / f"{name}-{split}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}.json"
        stamp = hashlib.sha256(f"{stamp} {reader()}".encode()).hexdigest()
        if (known := read(file, stamp)) is not None:
            return known
        with alone(file.with_suffix(".lock")):
            if (known := read(file, stamp)) is not None:  # another process looked meanwhile
                return known
            found = look()
            write(file, {"stamp": stamp, **asdict(found)})
        return found


def read(file: Path, stamp: str) -> Contents | None:
    """What a file keeps; None where there is none, where the stamp is another, or where something damaged it."""
    try:
        kept = json.loads(file.read_text())
        if kept.pop("stamp") != stamp:
            return None
        return Contents(**kept | {"shapes": [tuple(shape) for shape in kept["shapes"]]})
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def write(file: Path, content: Mapping[str, Any]) -> None:
    """Keep it, whole or not at all; a folder that cannot be written to keeps nothing."""
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    with contextlib.suppress(OSError):
        try:
            aside.write_text(json.dumps(content))
            aside.replace(file)
        finally:
            aside.unlink(missing_ok=True)


@contextlib.contextmanager
def alone(file: Path) -> Iterator[None]:
    """Only one process at a time, where the file system has locks; the lock goes with its process, however it ends."""
    lock = filelock.FileLock(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=PATIENCE)
        except filelock.Timeout:
            say(f"Waiting for another process that looks at the same files ({file}).")
            lock.acquire()
    except (OSError, NotImplementedError):
        yield
        return
    try:
        yield
    finally:
        lock.release()


def reader() -> str:
    """What else changes what is found: the code of this wing and the library that decodes."""
    digest = hashlib.sha256(PIL.__version__.encode())
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()
