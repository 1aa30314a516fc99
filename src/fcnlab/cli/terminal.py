"""Lines in the terminal: printed by one process, and kept in the log of the run."""

import logging
from typing import Any

import rich.console

from fcnlab.cli.rank import is_first_process as is_first_process

log = logging.getLogger("fcnlab")
log.setLevel(logging.INFO)  # what is said is kept in train.log
logging.raiseExceptions = False  # a log on a full disk must not talk over the error that is being told


def console(**settings: Any) -> rich.console.Console:
    """The terminal, of the first process only."""
    return rich.console.Console(quiet=not is_first_process(), **settings)


def say(message: str) -> None:
    """Print a line and keep it in the run's log."""
    console(soft_wrap=True, highlight=False).print(message, markup=False)
    log.info(message)
