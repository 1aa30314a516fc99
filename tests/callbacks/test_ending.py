"""Record and terminal tell why a training ended, and where."""

import json
import signal
from pathlib import Path
from typing import Any

import lightning as L
import pytest
from conftest import TINY, Command

from fcnlab.callbacks.checkpoints import LastCheckpoint


def ended() -> tuple[str, str]:
    (file,) = Path("runs").glob("*/record.json")
    record = json.loads(file.read_text())
    return record["status"], record["ended"]


def test_early_stopping_is_told(command: Command) -> None:
    outcome = command("train", *TINY, "epochs=9", "optim.lr=1e-9", "early_stopping={patience: 2}")
    assert "Early stopping ended the training at epoch 3 of 9." in outcome.text
    assert ended() == ("finished", "early_stopping at epoch 3 of 9")


def test_the_steps_are_told_where_they_are_counted(command: Command) -> None:
    command("train", *TINY, "epochs=-1", "trainer.max_steps=3")
    assert ended() == ("finished", "all 3 steps")


@pytest.mark.parametrize(
    "name", ["SIGTERM", *(pytest.param(one, marks=pytest.mark.slow) for one in ("SIGHUP", "SIGUSR1", "SIGXCPU"))]
)
def test_a_signal_is_told_once_the_step_is_saved(name: str, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    keep, number = LastCheckpoint.on_train_batch_end, getattr(signal, name)

    def asks(self: LastCheckpoint, *arguments: Any) -> None:
        if arguments[-1] == 1:
            signal.raise_signal(number)
        keep(self, *arguments)

    monkeypatch.setattr(LastCheckpoint, "on_train_batch_end", asks)
    outcome = command("train", *TINY, "epochs=4", "data.batch_size=4")
    assert outcome.text.endswith(str(128 + number))
    assert f"{name}: this step is finished and saved, then the run ends" in outcome.text
    assert ended() == ("interrupted", f"{name} at epoch 1 of 4")
    monkeypatch.setattr(LastCheckpoint, "on_train_batch_end", keep)
    assert "Going on from" in command("train", *TINY, "epochs=4", "data.batch_size=4").text
    assert ended() == ("finished", "all 4 epochs")


@pytest.mark.filterwarnings("ignore:Checkpoint directory")
def test_an_error_is_told_with_its_kind(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken, pytest.raises(ZeroDivisionError):
        broken.setattr(LastCheckpoint, "on_test_start", lambda *_: 1 / 0)
        command("train", *TINY)
    assert ended() == ("failed", "all 1 epochs; ZeroDivisionError in the test")
    command("train", *TINY)  # tests alone
    assert ended() == ("finished", "all 1 epochs")


class Enough(L.Callback):
    """Ends the training after its first epoch."""

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        trainer.should_stop = True


def test_a_callback_of_ones_own_that_ends_the_training_is_told(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parent)
    command("train", *TINY, "epochs=3", "+callbacks.enough._target_=test_ending.Enough")
    assert ended() == ("finished", "stopped by a callback at epoch 1 of 3")
