"""Files whose bytes lie in a table or in memory, read as if they lay in a folder."""

import io
import os
import stat
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, cast


class HeldFile:
    """As much of a ``Path`` as the readers of images and masks ask for.

    Args:
        name: what messages call it.
        get: gives its bytes.
    """

    def __init__(self, name: str, get: Callable[[], bytes]) -> None:
        self.name, self.get, self.suffix = name, get, ""

    def __str__(self) -> str:
        return self.name

    __repr__ = __str__

    def is_file(self) -> bool:
        """It is there: a table has no gaps."""
        return True

    def read_bytes(self) -> bytes:
        """What it holds."""
        return self.get()

    def open(self, mode: str = "rb") -> io.BytesIO:
        """The same as a stream."""
        return io.BytesIO(self.get())


def held(path: Path) -> Path:
    """A file that is read once, however often it is opened."""
    return cast("Path", HeldFile(str(path), cache(lambda: regular(path).read_bytes())))


def openable(path: Any) -> Any:
    """What libraries can open: a path itself, or the bytes that are held under it."""
    return regular(path) if isinstance(path, os.PathLike) else path.open("rb")


def regular(path: Any) -> Any:
    """The path. Raises OSError for a pipe or a device, whose reader would wait without end."""
    if isinstance(path, os.PathLike) and not stat.S_ISREG(mode := Path(path).stat().st_mode) and not stat.S_ISDIR(mode):
        raise OSError("it is a pipe or a device, no file")
    return path
