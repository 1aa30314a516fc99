"""Signals: a run that is asked to end does so where it can go on from."""

import contextlib
import os
import signal
import stat
import sys
import threading
from types import FrameType
from typing import Any

from fcnlab.cli.terminal import is_first_process, say

# A shutdown or scheduler, Ctrl-C, a closed terminal, sbatch --signal=USR1, a limit of CPU time; submitit's own.
NAMES = ("SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGXCPU", "SIGUSR2")
SIGNALS = tuple(getattr(signal, name) for name in NAMES if hasattr(signal, name))  # Windows has the first two


class Signals:
    """End a run on a signal where it can go on from: ``patient`` while a loop looks for such a step.

    As a context manager it takes the signals over. One that is ignored (SIGHUP under ``nohup``) stays ignored. A
    handler that was there before (submitit's, which requeues the job) is called when the run is saved.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self.patient = False
        self.before: dict[int, Any] = {}

    def __enter__(self) -> "Signals":
        if threading.current_thread() is threading.main_thread():
            before = {number: signal.getsignal(number) for number in SIGNALS}
            submitit = getattr(signal, "SIGUSR2", None)  # means something only where somebody listens for it
            self.before = {
                n: h for n, h in before.items() if h is not signal.SIG_IGN and (n != submitit or callable(h))
            }
        self.listen()
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def listen(self) -> None:
        """Take the signals (again: every start of a Trainer puts its own handlers there)."""
        for number in self.before:
            signal.signal(number, self.take)

    def take(self, number: int, _: FrameType | None) -> None:
        """Keep the signal for the loop; where none looks, or when it comes twice, go at once."""
        twice, self.received = self.received is not None, number
        if number == getattr(signal, "SIGHUP", None):
            leave_terminal()
            twice = False  # a shell that goes, and the kernel after it, send it more than once
        if twice or not self.patient:
            self.leave()
        name = signal.Signals(number).name
        say(f"{name}: this step is finished and saved, then the run ends. Send it again to end at once.")

    def leave(self) -> None:
        """Do what the signal asks: call the handler that was there before, or exit by the convention 128 + number.

        Other processes than the first exit with 0, lest the first be killed for them before it has told its record.
        """
        number, self.received = self.received or signal.SIGTERM, None
        before = self.before.get(number)
        if callable(before) and before is not signal.default_int_handler:
            before(number, None)  # submitit requeues and exits on SIGUSR2, and goes on after SIGTERM
            return
        sys.exit(128 + number if is_first_process() else 0)


def leave_terminal() -> None:
    """Write to nowhere what would be written to the terminal that went: each write would be an error."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            if stat.S_ISCHR(os.fstat(stream).st_mode):  # one that is gone says that it is no terminal
                os.dup2(nowhere, stream)
        os.close(nowhere)
