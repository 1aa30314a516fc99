"""Loggers at once, each with what is logged in its own files."""

import csv
import warnings
from pathlib import Path

import pytest
from conftest import TINY, Command
from stranger.brought import Bring, Brought, bring  # noqa: F401

from fcnlab.cli.compose import compose, plain
from fcnlab.logger.build import build_loggers
from fcnlab.run.record import Run


def test_loggers_at_once_each_keep_the_scores(bring: Bring) -> None:  # noqa: F811
    run = bring("logger=[csv,tensorboard,lines]")
    check_files(run)


@pytest.mark.parametrize("name", ["csv", "tensorboard"])
def test_a_logger_that_cannot_write_is_told_before_the_training(name: str, command: Command, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    words = [word for word in TINY if not word.startswith("logger")]
    outcome = command("train", *words, f"logger={name}", f"logger.{name}.save_dir=file/below")
    assert outcome.code == 1
    assert f"logger.{name} cannot write to file/below: " in outcome.text
    assert f"(logger.{name}.save_dir=...)" in outcome.text
    assert not list(Path("runs").glob("*/history.csv"))


def test_null_takes_a_logger_out(tmp_path: Path) -> None:
    config = plain(compose("train", [*TINY, "logger=csv", f"runs_dir={tmp_path}"]))
    assert len(build_loggers(config["logger"], Run(config))) == 1
    assert build_loggers(dict.fromkeys(config["logger"]), Run(config)) == []


@pytest.mark.slow
def test_five_loggers_at_once_each_keep_the_scores(bring: Bring, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # a database takes ten seconds to set up
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow = pytest.importorskip("mlflow.tracking", reason="pip install mlflow-skinny")
        store = f"file:{Path('mlruns').absolute()}"
        run = bring("logger=[csv,tensorboard,wandb,mlflow,lines]", f"logger.mlflow.tracking_uri={store}")
        client = mlflow.MlflowClient(store)
        kept = client.get_run(run.record["logger_ids"]["mlflow"])
    check_files(run)
    assert kept.data.metrics["val/mean_iou"] == pytest.approx(run.value["val/mean_iou"])
    assert kept.data.tags["mlflow.runName"] == run.folder.name
    (offline,) = Path("runs/wandb").glob(f"offline-run-*-{run.record['wandb_id']}")
    assert list(offline.glob("*.wandb"))


def check_files(run: Brought) -> None:
    name, score = run.folder.name, run.value["val/mean_iou"]
    (table,) = Path(f"runs/csv/{name}").rglob("metrics.csv")
    with table.open() as file:
        assert [float(row["val/mean_iou"]) for row in csv.DictReader(file) if row["val/mean_iou"]] == [score]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    board = EventAccumulator(f"runs/tensorboard/{name}")
    board.Reload()
    for key in ("val/mean_iou", "test/mean_iou"):
        assert [event.value for event in board.Scalars(key)] == pytest.approx([run.value[key]])
    assert "val/val_00000" in board.Tags()["images"]
    lines = [line.split() for line in Path("lines.txt").read_text().splitlines()]
    assert [float(value) for _, _, key, value in lines if key == "val/mean_iou"] == [score]
    assert {line[0] for line in lines} == {name}
