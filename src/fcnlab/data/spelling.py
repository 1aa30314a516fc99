"""One spelling for names of files: macOS writes Hangul and accents in parts (NFD), others as one letter (NFC)."""

import os
import unicodedata
from functools import lru_cache
from pathlib import Path


def nfc(text: str) -> str:
    """Text in one Unicode form."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def on_disk(path: Path) -> Path:
    """A path as the disk spells it, where only the Unicode form differs; itself, if nothing there is called so."""
    if str(path).isascii() or path.exists() or path == path.parent:
        return path
    parent = on_disk(path.parent)
    try:
        changed = parent.stat().st_mtime_ns
    except OSError:
        return path
    return parent / spellings(parent, changed).get(nfc(path.name), path.name)


@lru_cache(maxsize=64)
def spellings(folder: Path, changed: int) -> dict[str, str]:
    """How a folder spells the names in it, by their NFC.

    Args:
        changed: when the folder last did.
    """
    return {nfc(name): name for name in os.listdir(folder)} if folder.is_dir() else {}  # noqa: PTH208
