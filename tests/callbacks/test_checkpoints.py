"""An interrupted run goes on to the bit, whatever ended it."""

import csv
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch
from conftest import TINY, Command

from fcnlab.callbacks.checkpoints import BestCheckpoint, LastCheckpoint
from fcnlab.callbacks.signals import Signals

LONG = [word for word in TINY if not word.startswith(("epochs", "data.images.train", "logger"))]
# The net learns nothing that validation can see, so that early stopping ends the training after three of five epochs.
LONG += ["epochs=5", "early_stopping={patience: 2}", "data.images.train=40", "data.batch_size=4"]
LONG += ["checkpoint.every_n_steps=2", "trainer.log_every_n_steps=1", "runs_dir=runs"]
BATCH, VALIDATION = "on_train_batch_end", "on_validation_batch_end"
FAULTS = [  # moment, its count, signal, and the step from which the next start must go on
    (BATCH, 2, "SIGKILL", 0),  # before the first save
    (BATCH, 8, "SIGKILL", 6),  # in mid-epoch
    (VALIDATION, 1, "SIGKILL", 8),  # in validation, after the epoch's ten steps
    ("write", 2, "SIGKILL", 10),  # one half of a checkpoint is written
    (BATCH, 4, "SIGTERM", 14),  # asked to end: saves first, between two regular saves
    (VALIDATION, 1, "SIGTERM", 20),  # asked to end in validation
    (BATCH, 2, "SIGINT", 22),  # Ctrl-C
    ("on_test_batch_end", 1, "SIGKILL", 30),  # training is done
]


def start(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, str(Path(__file__).with_name("killed.py")), *words]
    # Not through the process of W&B that tests before this one have started: it outlives a killed run.
    own = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")}
    return subprocess.run(call, cwd=folder, env=own, capture_output=True, text=True, check=False, timeout=300)


def run_folder(folder: Path) -> Path:
    (found,) = (folder / "runs").glob("shapes-*")
    return found


@pytest.fixture(scope="session")
def never_interrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("never")
    done = start(folder, "never", "0", "-", *LONG, "data.num_workers=0", "logger=none")
    assert done.returncode == 0, done.stderr
    return run_folder(folder)


@pytest.mark.slow
def test_a_run_killed_again_and_again_ends_equal_to_the_bit(tmp_path: Path, never_interrupted: Path) -> None:
    began = 0
    for number, (moment, count, name, step) in enumerate([*FAULTS, ("never", 0, "SIGKILL", 30)]):
        # The number of loading processes must not matter.
        done = start(tmp_path, moment, str(count), name, *LONG, f"data.num_workers={number % 2 * 2}")
        assert f"began at step {began}\n" in done.stdout or began == 30, f"{moment}: {done.stdout}{done.stderr}"
        assert ("Going on from" in done.stdout) == (began > 0)
        signalled = getattr(signal, name)
        expected = 0 if moment == "never" else -9 if name == "SIGKILL" else 128 + signalled
        assert done.returncode == expected, done.stderr
        record = json.loads((run_folder(tmp_path) / "record.json").read_text())
        assert record["status"] == {0: "finished", -9: "running"}.get(expected, "interrupted")
        began = step
    one, other = never_interrupted, run_folder(tmp_path)
    assert (other / "metrics.json").read_text() == (one / "metrics.json").read_text()
    assert (other / "history.csv").read_text() == (one / "history.csv").read_text()
    for file in ("best.ckpt", "last.ckpt"):
        first, second = (torch.load(folder / "checkpoints" / file, weights_only=True) for folder in (one, other))
        assert first["state_dict"].keys() == second["state_dict"].keys()
        assert all(torch.equal(tensor, second["state_dict"][key]) for key, tensor in first["state_dict"].items())
    assert {path.name for path in (other / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}

    wandb_id = record["wandb_id"]
    logs = sorted((tmp_path / "runs" / "wandb").glob("offline-run-*"))
    assert all(path.name.endswith(f"-{wandb_id}") for path in logs)
    logged = Counter(key for log in logs for key in rows_of(log))
    assert set(logged.values()) == {1}, "a step was logged twice"
    assert {step for step, _ in logged if step is not None} <= set(range(31))  # kill -9 takes W&B's last second
    with (other / "history.csv").open() as table:
        assert [int(row["step"]) for row in csv.DictReader(table)] == [10, 20, 30]


def rows_of(log: Path) -> list[tuple[int | None, str]]:
    """Step and names of every row that an offline W&B folder holds."""
    wandb = str(Path(sys.executable).with_name("wandb"))
    told = subprocess.run([wandb, "leet", "inspect", "--json", str(log)], capture_output=True, text=True, check=True)
    items = [json.loads(line).get("history", {}).get("item") for line in told.stdout.splitlines()]
    return [(item.get("trainer/global_step"), " ".join(sorted(item))) for item in items if item]


@pytest.mark.slow
def test_a_run_goes_on_where_steps_are_counted_and_gradients_accumulated(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [*TINY, "trainer.max_steps=7", "epochs=-1", "trainer.accumulate_grad_batches=2"]
    words += ["data.batch_size=3", "checkpoint.every_n_steps=1"]  # an epoch of 5 batches makes 3 steps
    assert command("train", *words, "runs_dir=whole").code == 0
    original = LastCheckpoint.on_train_batch_end
    for last in (2, 2, 2):  # the batch after which something breaks: in an accumulation, after an epoch, in the next
        batches = iter(range(last))

        def breaks(self, *arguments, batches=batches):
            original(self, *arguments)
            if next(batches, None) is None:
                raise ZeroDivisionError

        monkeypatch.setattr(LastCheckpoint, "on_train_batch_end", breaks)
        with pytest.raises(ZeroDivisionError):
            command("train", *words, "runs_dir=broken")
    monkeypatch.setattr(LastCheckpoint, "on_train_batch_end", original)
    outcome = command("train", *words, "runs_dir=broken")
    assert outcome.code == 0
    assert "Going on from" in outcome.text
    one, other = (next(Path(folder).glob("shapes-*")) for folder in ("whole", "broken"))
    for file in ("metrics.json", "history.csv"):
        assert (other / file).read_text() == (one / file).read_text()


def test_a_run_of_two_processes_does_not_go_on_with_one(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(LastCheckpoint, "on_train_end", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            command("train", *TINY)
    (file,) = Path("runs").glob("*/checkpoints/last.ckpt")
    content = torch.load(file, weights_only=True)
    content["Shapes"]["processes"] = 2
    torch.save(content, file)
    outcome = command("train", *TINY)
    assert outcome.code == 1
    assert "trained by 2 processes" in outcome.text


def test_a_run_folder_that_was_moved_knows_its_best_score(tmp_path: Path) -> None:
    old, new = (str(tmp_path / place / "best.ckpt") for place in ("old", "new"))
    first, moved = (BestCheckpoint(tmp_path / name, metric="val/mean_iou", mode="max") for name in ("old", "new"))
    moved.load_state_dict(first.state_dict())  # before the first validation
    assert moved.best_k_models == {}
    first.best_k_models, first.best_model_score = {old: torch.tensor(0.5)}, torch.tensor(0.5)
    first.best_model_path = first.kth_best_model_path = old
    moved.load_state_dict(first.state_dict())
    assert moved.best_k_models == {new: 0.5}
    assert (moved.best_model_path, moved.kth_best_model_path, moved.best_model_score) == (new, new, 0.5)


def test_a_handler_that_was_there_is_called_once_the_run_is_saved() -> None:
    heard = []
    before = signal.signal(signal.SIGUSR2, lambda number, _: heard.append(number))
    try:
        with Signals() as signals:
            signals.patient = True
            signal.raise_signal(signal.SIGUSR2)
            assert not heard
            signals.leave()
            assert heard == [signal.SIGUSR2]
    finally:
        signal.signal(signal.SIGUSR2, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_run_by_the_convention(number: signal.Signals) -> None:
    with Signals() as signals:
        with pytest.raises(SystemExit) as at_once:
            signal.raise_signal(number)
        signals.patient = True
        signal.raise_signal(number)  # waits for the loop
        with pytest.raises(SystemExit) as twice:
            signal.raise_signal(number)
    assert at_once.value.code == twice.value.code == 128 + number
