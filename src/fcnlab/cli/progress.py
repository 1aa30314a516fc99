"""Progress through many items: a bar in a terminal, else a line from time to time, as in ``nohup``, SLURM or CI."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.progress import track

from fcnlab.cli.terminal import console, say

T = TypeVar("T")
PAUSE = 20.0  # seconds between two lines


def progress(items: Iterable[T], *, total: int, what: str, pause: float | None = None) -> Iterator[T]:
    """The items, one by one, while the terminal tells how many of ``total`` are done.

    Args:
        what: is done, as ``masks of voc, test``.
        pause: seconds between two lines where there is no terminal; what is done sooner is not told at all.
    """
    if sys.stdout.isatty():
        yield from track(items, total=total, description=what, transient=True, console=console())
        return
    began = shown = time.monotonic()
    for done, item in enumerate(items):
        now = time.monotonic()
        if now - shown >= (PAUSE if pause is None else pause) and done:
            left = (now - began) / done * (total - done)
            say(f"{what}: {done} of {total}, about {left:.0f} s left")
            shown = now
        yield item
