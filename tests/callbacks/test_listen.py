"""A signal ends every loop as a shell expects, with all of its processes; Lightning alone would not."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import PIL.Image
import pytest
from conftest import PROJECT, TINY, Command, Trained
from lightning.pytorch.trainer.connectors import signal_connector
from trainer.two_processes import DDP

from fcnlab.callbacks.listen import Listen
from fcnlab.callbacks.signals import Signals
from fcnlab.run.record import Stopped
from fcnlab.task.segmentation import SegmentationTask

# One of two processes is asked to end in its first step.
ASKED = """
import os, signal, sys, time
from pathlib import Path
from fcnlab.task.segmentation import SegmentationTask
rank, keep = os.environ.get("LOCAL_RANK", "0"), SegmentationTask.predict_step

def predict_step(self, *given):
    Path(f"begun_{rank}").touch()
    while not Path("begun_0").exists() or not Path("begun_1").exists():
        time.sleep(0.05)
    if rank == "WHO":
        os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(5)
    return keep(self, *given)

SegmentationTask.predict_step = predict_step
from fcnlab.predict import main
main()
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
@pytest.mark.parametrize(
    ("verb", "step"), [("evaluate", "test_step"), ("predict", "predict_step"), ("train", "training_step")]
)
def test_a_signal_is_no_success(
    verb: str, step: str, name: str, trained: Trained, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = getattr(signal, name)
    before, keep = signal.getsignal(number), getattr(SegmentationTask, step)

    def asks(self: SegmentationTask, *given: Any) -> Any:
        signal.raise_signal(number)
        return keep(self, *given)

    def waits(*_: Any) -> None:
        raise AssertionError("Lightning took the signal, and with several processes it waits for all of them")

    monkeypatch.setattr(signal_connector._SignalConnector, "_sigterm_notifier_fn", waits)
    monkeypatch.setattr(SegmentationTask, step, asks)
    PIL.Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save("photo.png")
    typed = f"checkpoint={trained.checkpoint}"
    words = {"evaluate": [typed], "predict": [typed, "images=photo.png", "output=masks"], "train": TINY}
    outcome = command(verb, *words[verb])
    assert outcome.text.endswith(str(128 + number))
    assert signal.getsignal(number) == before


@pytest.mark.parametrize(
    ("error", "patient", "sent"),
    [
        (SystemExit(143), False, [signal.SIGTERM]),  # a test, a prediction
        (SystemExit(143), True, []),  # a training that all leave after the same step
        (Stopped(), True, []),  # by its time limit, also together
        (ValueError(), True, [signal.SIGKILL]),
        (ValueError(), False, [signal.SIGKILL]),
    ],
)
def test_started_processes_end_with_their_first(error: BaseException, patient: bool, sent: list[int]) -> None:
    def end(kill: Callable[[int], None] | None) -> None:
        launcher = SimpleNamespace(kill=kill) if kill else None
        signals = Signals()
        signals.patient = patient
        trainer: Any = SimpleNamespace(strategy=SimpleNamespace(launcher=launcher))
        Listen(signals).on_exception(trainer, SegmentationTask.__new__(SegmentationTask), error)

    found: list[int] = []
    end(found.append)
    assert found == sent
    end(None)  # one process, or others that somebody else started


@pytest.mark.slow
@pytest.mark.parametrize(("who", "code"), [("0", 143), ("1", 1)])
def test_no_process_waits_for_or_outlives_one_that_was_asked_to_end(
    who: str, code: int, trained: Trained, tmp_path: Path
) -> None:
    for number in range(4):
        PIL.Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(tmp_path / f"{number}.png")
    (tmp_path / "asked.py").write_text(ASKED.replace("WHO", who))
    words = [f"checkpoint={trained.checkpoint}", f"images={tmp_path}", "output=masks", *DDP]
    own = os.environ | {"PYTHONPATH": str(PROJECT / "src")}
    done = subprocess.run(
        [sys.executable, "asked.py", *words], cwd=tmp_path, env=own, capture_output=True, text=True, timeout=300
    )  # which waits for both, as both hold its pipes
    assert done.returncode == code, done.stdout + done.stderr
    if who == "0":
        assert not list((tmp_path / "masks").glob("*.png")), "the second process went on"
