"""What files and settings look like at a glance: it changes when what they hold or how they are read may have."""

import stat
from pathlib import Path

from fcnlab.data.kept import APART

# Of a data set's own state, what does not tell how its files are read.
UNREAD = {*APART, "listings", "complete", "found", "resumed", "kept", "trainer", "input", "test_split", "palettes"}
UNREAD |= {"heads", "given", "hide", "decoded"}


def file_stamp(path: Path) -> tuple[int, int] | None:
    """Size and time of change of a file; None where there is none."""
    try:
        seen = path.stat()
    except OSError:
        return None
    return (seen.st_size, seen.st_mtime_ns) if stat.S_ISREG(seen.st_mode) else None


def own_settings(data: object) -> str:
    """What a data set says of itself and may tell how its files are read; what has no text of its own is left out."""
    texts = {key: repr(value) for key, value in vars(data).items() if key not in UNREAD}
    return repr(sorted((key, text) for key, text in texts.items() if " at 0x" not in text))
