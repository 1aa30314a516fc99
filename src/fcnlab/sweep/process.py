"""A command of fcnlab in a process of its own, which signals reach as they should."""

import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from types import FrameType


def run_module(module: str, words: Sequence[str]) -> int:
    """``python -m module words...``: its exit code, negative where a signal ended it.

    Ctrl-C reaches both processes, and this one waits until the other has saved (``subprocess.run`` would kill it after
    a quarter of a second); SIGTERM, which reaches this one alone, is passed on.
    """
    child = subprocess.Popen([sys.executable, "-m", module, *words])

    def pass_on(number: int, _: FrameType | None) -> None:
        child.send_signal(number)

    if threading.current_thread() is not threading.main_thread():
        return child.wait()
    before = {signal.SIGINT: signal.signal(signal.SIGINT, lambda *_: None)}
    before[signal.SIGTERM] = signal.signal(signal.SIGTERM, pass_on)
    try:
        return child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
