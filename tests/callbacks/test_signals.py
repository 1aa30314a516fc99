"""A signal that is ignored stays ignored; a terminal that is gone is not written to."""

import os
import pty
import signal
import subprocess
import sys

import pytest

from fcnlab.callbacks.signals import SIGNALS, Signals

GONE = """
import os, signal, sys, time
from fcnlab.callbacks.signals import Signals
with Signals() as signals:
    signals.patient = True
    print("ready", flush=True)
    while signals.received is None:
        time.sleep(0.01)
    time.sleep(0.2)
    print("this step", flush=True)
    os.write(int(sys.argv[1]), b"saved")
"""


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_what_nohup_ignores_stays_ignored(number: signal.Signals) -> None:
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with Signals() as signals:
            signal.raise_signal(number)
            assert signals.received is None
            assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)


def test_a_closed_terminal_is_no_error_of_the_step_that_is_saved() -> None:
    terminal, own = pty.openpty()
    read, write = os.pipe()
    child = subprocess.Popen(
        [sys.executable, "-c", GONE, str(write)], stdin=own, stdout=own, stderr=own, pass_fds=[write],
        start_new_session=True, preexec_fn=lambda: __import__("fcntl").ioctl(0, __import__("termios").TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(own)
    os.close(write)
    assert b"ready" in os.read(terminal, 100)
    os.close(terminal)  # the kernel sends SIGHUP
    assert os.read(read, 100) == b"saved"
    assert child.wait() == 0


def test_signals_that_a_system_lacks_are_left_out() -> None:
    assert {signal.SIGTERM, signal.SIGINT} <= set(SIGNALS)
