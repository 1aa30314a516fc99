"""A command of fcnlab in a process of its own, which signals reach as they should."""

import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from types import FrameType

from fcnlab.callbacks.signals import SIGNALS


def run_module(module: str, words: Sequence[str]) -> int:
    """``python -m module words...``: its exit code, negative where a signal ended it.

    Ctrl-C reaches both processes, and this one waits until the other has saved (``subprocess.run`` would kill it after
    a quarter of a second); the other signals, which reach this one alone, are passed on.
    """
    child = subprocess.Popen([sys.executable, "-m", module, *words])

    def pass_on(number: int, _: FrameType | None) -> None:
        child.send_signal(number)

    if threading.current_thread() is not threading.main_thread():
        return child.wait()
    taken = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {n: signal.signal(n, (lambda *_: None) if n == signal.SIGINT else pass_on) for n in taken}
    try:
        return child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
