"""Shared memory that is full is told, where torch waits for ever."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import TINY, Command, Trained
from torch.utils.data import get_worker_info

from fcnlab.data.shared_memory import Shared

WORKERS = (*TINY, "data.num_workers=1", "data.batch_size=4")


@pytest.mark.parametrize("fault", [RuntimeError("unable to allocate shared memory(shm)"), OSError(28, "No space left")])
def test_a_batch_that_finds_no_room_is_told(
    fault: Exception, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise fault

    monkeypatch.setattr(torch.Tensor, "share_memory_", full)
    outcome = command("train", *WORKERS)
    assert outcome.code == 1
    assert "MiB finds no room in shared memory (/dev/shm). Give the container more" in outcome.text
    assert "data.num_workers=0" in outcome.text
    assert command("train", *TINY, "data.num_workers=0", "trainer=smoke").code == 0


@pytest.mark.parametrize("name", ["train", "evaluate"])
def test_a_loading_process_that_ends_is_told(
    name: str, command: Command, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(self: Shared, samples: Any) -> Any:
        if get_worker_info() is not None:
            os.kill(os.getpid(), signal.SIGKILL)  # as the system does that has no memory left
        return self.collate(samples)

    monkeypatch.setattr("fcnlab.data.shared_memory.Shared.__call__", end)
    words = {"train": WORKERS, "evaluate": (f"checkpoint={trained.checkpoint}", *WORKERS[-2:])}
    outcome = command(name, *words[name])
    assert outcome.code == 1
    assert "A loading process ended before its work was done" in outcome.text
    assert "set fewer data.num_workers" in outcome.text
    assert "Traceback" not in outcome.text


def test_without_loading_processes_nothing_is_shared() -> None:
    batch = Shared(lambda samples: {"image": torch.stack(samples), "name": ["a"]})([torch.zeros(2)])
    assert not batch["image"].is_shared()


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("unshare") or os.getuid() != 0, reason="only root mounts a small /dev/shm")
def test_two_mebibytes_of_real_shared_memory_end_a_run_with_a_message(tmp_path: Path) -> None:
    train = f"{sys.executable} -m fcnlab.train {' '.join(WORKERS)} data.size=512"
    call = ["unshare", "-m", "sh", "-c", f"mount -t tmpfs -o size=2m none /dev/shm && {train}"]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 1
    assert "finds no room in shared memory" in done.stderr
