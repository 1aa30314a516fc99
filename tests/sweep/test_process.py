"""A process of its own is waited for while it saves, and hears what this one is told."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from fcnlab.sweep.process import run_module

SAVER = """
import signal, sys, time
from pathlib import Path

def save(number, _):
    time.sleep(0.6)  # longer than subprocess.run would wait
    Path("saved").write_text(str(number))
    sys.exit(128 + number)

signal.signal(signal.SIGINT, save)
signal.signal(signal.SIGTERM, save)
Path("ready").touch()
time.sleep(60)
"""


@pytest.fixture
def saver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module that takes its time to save when it is told to end."""
    (tmp_path / "saver.py").write_text(SAVER)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def wait_for(file: Path) -> None:
    for _ in range(600):
        if file.exists():
            return
        time.sleep(0.05)
    raise AssertionError(f"{file} never came")


def test_a_termination_is_passed_on_and_its_exit_code_comes_back(saver: Path) -> None:
    def terminate() -> None:
        wait_for(saver / "ready")
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    threading.Thread(target=terminate).start()
    assert run_module("saver", []) == 128 + signal.SIGTERM
    assert (saver / "saved").read_text() == str(int(signal.SIGTERM))
    assert signal.getsignal(signal.SIGTERM) is before


def test_ctrl_c_reaches_both_and_the_saving_is_waited_for(saver: Path) -> None:
    # The terminal sends SIGINT to the whole group, so this one runs in a group of its own.
    code = "import sys; from fcnlab.sweep.process import run_module; sys.exit(run_module('saver', []))"
    parent = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    wait_for(saver / "ready")
    os.killpg(parent.pid, signal.SIGINT)
    assert parent.wait(timeout=30) == 128 + signal.SIGINT
    assert (saver / "saved").read_text() == str(int(signal.SIGINT))
