"""One process holds a run; a second is told which, and a dead one holds nothing."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import TINY, Command

from fcnlab.cli import rank
from fcnlab.run.lock import WITHOUT_LOCKS, hold

HOLDER = """
import sys, time
from pathlib import Path
from fcnlab.run.lock import hold
stream = hold(Path(sys.argv[1]), "it is held")
print("held", flush=True)
time.sleep(100)
"""


@pytest.mark.slow
def test_a_second_start_of_a_run_is_told_who_trains_it_and_a_dead_one_does_not_block(
    command: Command, tmp_path: Path
) -> None:
    tiny = (*TINY, "trainer=smoke", "data.batch_size=4")
    refused = command("train", *tiny, "data.images.train=2")  # fails, and leaves a folder behind
    (run,) = (tmp_path / "runs").iterdir()
    assert "do not fill one batch" in refused.text
    other = subprocess.Popen([sys.executable, "-c", HOLDER, str(run / ".lock")], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        record = (run / "record.json").read_text()
        second = command("train", *tiny, "data.images.train=2")
        assert second.code == 1
        assert f"{run.name} is being trained by process {other.pid} on " in second.text
        assert "Wait for it or stop it" in second.text
        assert (run / "record.json").read_text() == record
    finally:
        other.kill()
        other.communicate()
    third = command("train", *tiny, "data.images.train=2")
    assert "do not fill one batch" in third.text


def test_a_held_file_is_free_again_when_it_is_closed(tmp_path: Path) -> None:
    hold(tmp_path / "a", "it is held").close()
    code = HOLDER.replace("time.sleep(100)", "")
    call = [sys.executable, "-c", code, str(tmp_path / "a")]
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    assert done.stdout == "held\n"
    stream = hold(tmp_path / "a", "it is held")
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a")], capture_output=True, text=True, check=False
    )
    assert "UserError: it is held by process" in done.stderr
    stream.close()


@pytest.mark.parametrize("number", [0, 1])
def test_the_first_process_of_a_run_holds_for_all(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rank, "several", True)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", str(number))
    with hold(tmp_path / "a", "it is held"):
        assert (tmp_path / "a").exists() == (number == 0)


FORKS = """
import multiprocessing, os, sys, time
from pathlib import Path
from fcnlab.run.lock import hold
lock = hold(Path(sys.argv[1]), "it is held")
fork = multiprocessing.get_context("fork")
begun = fork.Event()
child = fork.Process(target=lambda: (begun.set(), time.sleep(20)))
child.start()
begun.wait()
print(child.pid, flush=True)
os.kill(os.getpid(), 9)
"""


def test_loading_processes_that_outlive_a_killed_one_hold_nothing(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", FORKS, str(tmp_path / "a")], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    try:
        assert parent.wait() == -signal.SIGKILL
        os.kill(child, 0)  # it lives
        hold(tmp_path / "a", "it is held").close()
    finally:
        os.kill(child, signal.SIGKILL)
        parent.stdout.close()


@pytest.mark.parametrize("number", WITHOUT_LOCKS)
def test_a_file_system_without_locks_lets_a_run_begin(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object) -> None:
        raise OSError(number, "no locks here")

    monkeypatch.setattr("filelock.FileLock._acquire", refuses)
    hold(tmp_path / "a", "it is held").close()


def test_nothing_asks_for_a_module_that_windows_lacks(tmp_path: Path) -> None:
    hide = "import sys; sys.modules.update(dict.fromkeys(('fcntl', 'resource', 'termios', 'pwd', 'grp')));"
    code = hide + "from pathlib import Path; from fcnlab.run.lock import hold; hold(Path(sys.argv[1]), '').close()"
    code += "; import fcnlab.train, fcnlab.callbacks.signals"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a")], check=True)
