"""W&B shows what the run folder holds: read back from its offline files with ``wandb leet inspect``, no account."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import TINY, Command

from fcnlab.callbacks.history import History
from fcnlab.run.files import read_history, read_json


def inspect(part: Path, *options: str) -> str:
    """What ``wandb leet inspect --json`` prints of one part of a run."""
    call = [str(Path(sys.executable).with_name("wandb")), "leet", "inspect", "--json", *options, str(part)]
    return subprocess.run(call, capture_output=True, text=True, check=True).stdout


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
