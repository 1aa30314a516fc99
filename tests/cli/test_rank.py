"""One process is the first, whatever a shell exports; of several, what started them tells which is."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import TINY, Command

from fcnlab.cli import rank

FOREIGN = (
    {"RANK": "1"},
    {"NODE_RANK": "1", "LOCAL_RANK": "3"},
    {"SLURM_PROCID": "3"},
    {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1"},  # Kubeflow, where each process trains for itself
    {"GROUP_RANK": "two"},
)


@pytest.mark.parametrize("variables", FOREIGN, ids=str)
def test_one_process_is_the_first_whatever_the_shell_exports(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rank, "several", True)
    for key, value in variables.items():
        monkeypatch.setenv(key, value)
    rank.expect({"devices": 1, "num_nodes": 1})
    assert rank.is_first_process()


@pytest.mark.parametrize(
    ("variables", "first"),
    [
        ({"WORLD_SIZE": "2", "RANK": "1"}, False),
        ({"WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0"}, True),
        ({"WORLD_SIZE": "2", "LOCAL_RANK": "1", "NODE_RANK": "0"}, False),  # started by Lightning
        ({"SLURM_NTASKS": "2", "SLURM_PROCID": "1"}, False),
        ({"SLURM_NTASKS": "1", "SLURM_PROCID": "1", "RANK": "1"}, True),  # nobody has started the others yet
        ({"NODE_RANK": "1"}, False),  # typed on the second machine
    ],
    ids=str,
)
def test_of_several_the_launcher_tells_which_is_the_first(
    variables: dict[str, str], first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rank, "several", True)
    for key, value in variables.items():
        monkeypatch.setenv(key, value)
    assert rank.is_first_process() == first


@pytest.mark.parametrize(
    ("settings", "number"),
    [
        ({"devices": 1}, 1),
        ({"devices": "1"}, 1),
        ({"devices": 2, "num_nodes": 3}, 6),
        ({"devices": [0, 1]}, 2),
        ({"devices": "0,1"}, 2),
        ({"devices": [3]}, 1),
        ({"devices": "auto", "accelerator": "cpu"}, 1),
        ({}, 1),
    ],
    ids=str,
)
def test_the_number_of_processes_is_what_lightning_would_start(settings: dict, number: int) -> None:
    assert rank.processes(settings) == number


def test_a_shell_that_exports_a_rank_keeps_the_record(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("SLURM_PROCID", "3")
    outcome = command("train", *TINY, "trainer=smoke")
    assert outcome.code == 0
    assert "Run shapes-fcn8s" in outcome.text
    (file,) = Path("runs").glob("*/record.json")
    assert json.loads(file.read_text())["status"] == "finished"


@pytest.mark.slow
def test_lightning_too_takes_it_for_the_first(tmp_path: Path) -> None:
    call = [sys.executable, "-m", "fcnlab.train", *TINY, "trainer=smoke", "logger=csv"]
    environment = os.environ | {"RANK": "1", "NODE_RANK": "1"}
    done = subprocess.run(call, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "runs" / "csv").rglob("metrics.csv"))  # by Lightning's first process alone
    (run,) = (tmp_path / "runs").glob("shapes-*")
    assert {"history.csv", "metrics.json", "record.json", "counts.npz"} <= {file.name for file in run.iterdir()}
