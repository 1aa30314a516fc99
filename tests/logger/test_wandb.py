"""W&B shows what the run folder holds: read back from its offline files with ``wandb leet inspect``, no account."""

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from conftest import TINY, Command

from fcnlab.callbacks.history import History
from fcnlab.logger.wandb import wait_until_written
from fcnlab.run.files import read_history, read_json
from fcnlab.task.segmentation import SegmentationTask


def inspect(part: Path, *options: str) -> str:
    """What ``wandb leet inspect --json`` prints of one part of a run."""
    call = [str(Path(sys.executable).with_name("wandb")), "leet", "inspect", "--json", *options, str(part)]
    return subprocess.run(call, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Checkpoint directory")
def test_w_and_b_agrees_with_the_run_folder_of_a_resumed_run(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [word for word in TINY if word not in ("logger=none", "epochs=1")] + ["epochs=2"]
    keep = History.on_train_epoch_end

    def stop(self: History, trainer: Any, task: Any) -> None:
        if trainer.current_epoch == 1:
            raise ZeroDivisionError("power cut")
        keep(self, trainer, task)

    with monkeypatch.context() as patch:
        patch.setattr(History, "on_train_epoch_end", stop)
        with pytest.raises(ZeroDivisionError):
            command("train", *words)
    time.sleep(1.1)  # W&B names an offline part by the second in which it starts
    assert command("train", *words).code == 0

    (run,) = (tmp_path / "runs").glob("shapes-*")
    parts = sorted((tmp_path / "runs" / "wandb").glob(f"offline-run-*-{read_json(run / 'record.json')['wandb_id']}"))
    shown = [json.loads(inspect(part, "--summary")) for part in parts]
    assert [part["state"] for part in shown] == ["failed", "finished"]

    config = {key: value for key, value in shown[-1]["config"].items() if not key.startswith("_")}
    resolved = yaml.safe_load((run / "config.yaml").read_text())
    assert config == {key: value for key, value in resolved.items() if value != {}}  # which W&B leaves out
    lines = [json.loads(line) for part in parts for line in inspect(part).splitlines()]
    heads = [line["run"] for line in lines if line["type"] == "run"]
    expected = {"display_name": run.name, "run_group": "shapes", "job_type": "train", "tags": ["fcn8s", "shapes"]}
    assert all({key: head[key] for key in expected} == expected for head in heads)

    rows: dict[int, dict[str, float]] = {}  # a later part repeats the epoch in which the one before was cut off
    for item in (line["history"]["item"] for line in lines if line["type"] == "history"):
        rows.setdefault(item.get("epoch"), {}).update(item)
    history = read_history(run / "history.csv")
    for row in history:
        scores = {key: value for key, value in row.items() if "/" in key}
        assert {key: rows[int(row["epoch"])][key] for key in scores} == pytest.approx(scores)
    metrics, summary = read_json(run / "metrics.json"), shown[-1]["summary"]
    assert summary.pop("val/mean_iou")["max"] == pytest.approx(max(row["val/mean_iou"] for row in history))
    assert {key: summary[key] for key in metrics if key in summary} == pytest.approx(
        {key: value for key, value in metrics.items() if key != "val/mean_iou"}
    )


WITH_WANDB = [word for word in TINY if word != "logger=none"]


@pytest.mark.parametrize(
    ("fault", "told"), [("fails", "PermissionError: "), ("hangs", "it did not answer within 0.2 s")]
)
def test_a_process_of_w_and_b_that_does_not_start_is_told(
    fault: str, told: str, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    import wandb

    def start(_: Any) -> None:
        if fault == "hangs":
            threading.Event().wait(2)
        raise PermissionError(13, "Permission denied", "wandb-core")

    monkeypatch.setattr(wandb, "setup", start)
    monkeypatch.setattr("fcnlab.logger.wandb.LIMIT", 0.2)
    outcome = command("train", *WITH_WANDB)
    assert outcome.code == 1
    assert f"W&B's own process (wandb-core) does not start: {told}" in outcome.text
    assert "Set logger=csv, or logger=none" in outcome.text


def test_a_folder_that_w_and_b_cannot_write_to_is_told(command: Command, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    outcome = command("train", *WITH_WANDB, "logger.wandb.save_dir=file/below")
    assert outcome.code == 1
    assert f"W&B cannot write to {tmp_path}/file/below (logger.wandb.save_dir): " in outcome.text
    assert "Set logger=csv" in outcome.text


def test_a_run_that_w_and_b_cannot_begin_is_told(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    import wandb

    def init(**_: Any) -> None:
        raise wandb.errors.CommError("Run initialization has timed out")

    monkeypatch.setattr(wandb, "init", init)
    outcome = command("train", *WITH_WANDB)
    assert outcome.code == 1
    assert "W&B cannot begin the run: CommError: Run initialization has timed out. Set logger=csv" in outcome.text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variables", "told"),
    [({"WANDB__SERVICE_WAIT": "0.001"}, "does not start: ServicePollForTokenError"), ({"HOME": "/proc/none"}, "")],
)
def test_the_real_process_of_w_and_b_is_waited_for_within_limits(
    variables: dict[str, str], told: str, tmp_path: Path
) -> None:
    call = [sys.executable, "-m", "fcnlab.train", *WITH_WANDB, "trainer=smoke"]
    own = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")}  # a process of this one's
    done = subprocess.run(
        call, cwd=tmp_path, env=own | variables, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == bool(told)
    assert told in done.stderr
    assert len(done.stderr.splitlines()) < 4  # no log of W&B's
    assert "wandb: WARNING" not in done.stderr
    assert bool(list(tmp_path.glob("runs/wandb/offline-run-*/*.wandb"))) == (not told)


STEPS = [*WITH_WANDB, "epochs=2", "data.batch_size=4", "trainer.log_every_n_steps=1", "checkpoint.every_n_steps=2"]
OF_WANDB = ("_step", "_runtime", "_timestamp", "_wandb")


def rows(runs: Path) -> Counter[tuple[int | None, str]]:
    """Step and keys of every row in all parts of the one run, with how often it is there."""
    found = Counter[tuple[int | None, str]]()
    for part in sorted((runs / "wandb").glob("offline-run-*")):
        items = [json.loads(line).get("history", {}).get("item") for line in inspect(part).splitlines()]
        for item in filter(None, items):
            keys = sorted({key.partition(".")[0] for key in item} - set(OF_WANDB))
            found[item.get("trainer/global_step"), " ".join(keys)] += 1
    return found


@pytest.fixture
def whole(command: Command) -> Counter[tuple[int | None, str]]:
    """The rows of a run that nothing interrupted."""
    assert command("train", *STEPS, "runs_dir=whole").code == 0
    found = rows(Path("whole"))
    assert set(found.values()) == {1}
    assert {step for step, keys in found if "loss" in keys.split()} == set(range(8))
    return found


def came_before(row: tuple[int | None, str], *, step: int) -> bool:
    """Whether a row is older than the end of a step; the rate is logged at its beginning."""
    return row[0] is not None and (row[0] < step or (row[0] == step and row[1].startswith("lr-")))


@pytest.mark.slow
def test_a_run_that_met_nan_shows_every_row_up_to_it_once_and_goes_on(
    command: Command, whole: Counter[tuple[int | None, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = SegmentationTask.training_step

    def spoilt(task: SegmentationTask, batch: Any, index: int) -> Any:
        return keep(task, batch, index) * (float("nan") if task.global_step == 7 else 1.0)

    with monkeypatch.context() as patch:
        patch.setattr(SegmentationTask, "training_step", spoilt)
        assert "The loss is nan at step 8" in command("train", *STEPS).text
    assert rows(Path("runs")) == {row: 1 for row in whole if came_before(row, step=7)}
    time.sleep(1.1)
    assert "Going on from" in command("train", *STEPS).text
    assert rows(Path("runs")) == whole


@pytest.mark.slow
def test_a_run_killed_in_mid_epoch_shows_every_row_up_to_it_once_and_goes_on(
    command: Command, whole: Counter[tuple[int | None, str]], tmp_path: Path
) -> None:
    killed = str(Path(__file__).parents[1] / "callbacks" / "killed.py")
    call = [sys.executable, killed, "on_train_batch_end", "8", "SIGKILL", *STEPS]
    own = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")} | {"PAUSE": "2"}
    done = subprocess.run(call, cwd=tmp_path, env=own, capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr
    assert rows(Path("runs")) == {row: 1 for row in whole if came_before(row, step=7)}
    assert "Going on from" in command("train", *STEPS).text
    assert rows(Path("runs")) == whole


@pytest.mark.parametrize(("written", "waited"), [(98.0, 0), (99.0, 1), (100.0, 2), (200.0, 0), (None, 10)])
def test_a_killed_runs_process_that_still_writes_is_waited_for(
    written: float | None, waited: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clock = [100.0]
    (part := tmp_path / "run.wandb").touch()

    def pass_by(seconds: float) -> None:
        clock[0] += seconds
        os.utime(part, (0, written or clock[0]))  # None: it writes and writes

    pass_by(0)
    monkeypatch.setattr("fcnlab.logger.wandb.time", SimpleNamespace(time=lambda: clock[0], sleep=pass_by))
    wait_until_written(tmp_path)
    assert clock[0] - 100 == pytest.approx(waited, abs=0.3)
