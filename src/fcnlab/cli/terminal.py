"""Lines in the terminal: printed by one process, and kept in the log of the run."""

import contextlib
import io
import logging
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import rich.console
import rich.markup
import rich.table

from fcnlab.cli.rank import is_first_process as is_first_process

WIDTH = 120  # letters of a table where there is no terminal, as in a log
log = logging.getLogger("fcnlab")
log.setLevel(logging.INFO)  # what is printed is kept in train.log
logging.raiseExceptions = False  # a log on a full disk must not talk over the error that is being told


class Console(rich.console.Console):
    """A terminal that may go away: work goes on where nobody reads any more (``| head``)."""

    def on_broken_pipe(self) -> None:
        """Rich would end the process."""
        forget_output()


def console(**settings: Any) -> rich.console.Console:
    """The terminal, of the first process only."""
    return Console(quiet=not is_first_process(), **settings)


def forget_output() -> None:
    """Send what is still to be printed nowhere: standard output was closed."""
    with contextlib.suppress(OSError, ValueError):  # a test's imitation has no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def open_streams() -> None:
    """Let standard streams that were closed (``>&-``) lead nowhere: the next file opened would take their number.

    Letters that a terminal's encoding has not are printed as escapes: they must not end a training.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            os.dup2(nowhere, number)
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))
    if isinstance(sys.stdout, io.TextIOWrapper):  # a notebook's is none
        sys.stdout.reconfigure(errors="backslashreplace")


def flush_output() -> None:
    """Print what waits to be printed, before Python does at its end, with a traceback where nobody reads."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        forget_output()


def say(message: str) -> None:
    """Print a line and keep it in the run's log."""
    console(soft_wrap=True, highlight=False).print(message, markup=False)
    log.info(message)


def show_table(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]], *, words: int = 1) -> None:
    """Print a table: its first columns hold words (so many), the others numbers, which stand on the right."""
    table = rich.table.Table(box=None, pad_edge=False, header_style="bold")
    for column, heading in enumerate(headings):
        table.add_column(rich.markup.escape(heading), justify="left" if column < words else "right", overflow="fold")
    for row in rows:
        table.add_row(*map(rich.markup.escape, row))
    if title:  # rich would fold it to the width of the table
        console(soft_wrap=True, highlight=False).print(title, markup=False, style="italic")
    known = sys.stdout.isatty() or "COLUMNS" in os.environ
    console(width=None if known else WIDTH).print(table)
