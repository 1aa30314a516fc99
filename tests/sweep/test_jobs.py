"""Sweeps through the command: every job is accounted for, none stops another, nothing leaks into the next."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import TINY, Command, leave_at_epoch, table

from fcnlab.callbacks.history import History
from fcnlab.run.files import read_history, read_json

LOGGED = [word for word in TINY if word != "logger=none"]
# A callback of Hydra's, which writes down how much memory the process has after every job.
MEMORY = """
import os
from hydra.experimental.callback import Callback
class Memory(Callback):
    def on_job_end(self, config, job_return, **_):
        pages = open("/proc/self/statm").read().split()[1]
        open(os.environ["MEMORY_FILE"], "a").write(f"{pages}\\n")
"""


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal in which a row of a table is a line."""
    monkeypatch.setenv("COLUMNS", "200")


@dataclass
class Shown:
    """A run as ``wandb leet inspect`` shows it."""

    exit_code: int
    config: dict[str, Any]
    head: dict[str, Any]
    words: list[str]
    rows: list[dict[str, Any]]


def inspect(run: Path) -> Shown:
    """The one W&B run that belongs to a run folder."""
    (part,) = (run.parent / "wandb").glob(f"offline-run-*-{read_json(run / 'record.json')['wandb_id']}")
    call = [str(Path(sys.executable).with_name("wandb")), "leet", "inspect", "--json", str(part)]
    text = subprocess.run(call, capture_output=True, text=True, check=True).stdout
    lines: dict[str, list[Any]] = {}
    for line in map(json.loads, text.splitlines()):
        lines.setdefault(line["type"], []).append(line.get(line["type"]))
    (head,), (end,) = lines["run"], lines["exit"]
    config, words = lines["config"][0]["update"], lines["environment"][0]["args"]
    return Shown(end["exit_code"], config, head, words, [row["item"] for row in lines.get("history", [])])


@dataclass
class Nine:
    """A finished sweep of three variants and three seeds."""

    folder: Path
    text: str
    memory: list[int]

    @property
    def runs(self) -> list[Path]:
        return sorted((self.folder / "runs").glob("shapes-*"))


def run_here(*words: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """``python -m fcnlab.train -m <words>`` in a folder, in a process of its own."""
    call, env = [sys.executable, "-m", "fcnlab.train", "-m", *words], os.environ | {"COLUMNS": "200"} | environment
    env.pop("WANDB_SERVICE", None)  # this process's own, left by another test
    return subprocess.run(call, cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def nine(tmp_path_factory: pytest.TempPathFactory) -> Nine:
    """Nine jobs in a process of their own, as a person types them."""
    folder, aside = tmp_path_factory.mktemp("nine"), tmp_path_factory.mktemp("aside")
    (aside / "memory.py").write_text(MEMORY)
    # Scenes of 28 MB a job, so that a data set that stays shows.
    large = ("data.size=128", "data.images.train=400", "trainer.limit_train_batches=1")
    words = ("model=fcn32s,fcn16s,fcn8s", "seed=0,1,2", *large, "+hydra.callbacks.memory._target_=memory.Memory")
    environment = {"PYTHONPATH": os.pathsep.join([str(aside), *sys.path]), "MEMORY_FILE": str(aside / "memory")}
    done = run_here(*LOGGED, *words, folder=folder, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return Nine(folder, done.stdout, [int(line) for line in (aside / "memory").read_text().split()])


@pytest.mark.slow
def test_a_sweep_leaves_its_runs_and_nothing_else(nine: Nine) -> None:
    assert [path.name for path in nine.folder.iterdir()] == ["runs"]
    assert {path.name for path in (nine.folder / "runs").iterdir()} == {"wandb", *(run.name for run in nine.runs)}
    assert len(nine.runs) == 9
    assert "9 jobs" in nine.text
    for run in nine.runs:
        assert read_json(run / "record.json")["status"] == "finished"


@pytest.mark.slow
def test_memory_after_nine_jobs_is_that_after_two(nine: Nine) -> None:
    assert len(nine.memory) == 9
    assert nine.memory[8] <= 1.1 * nine.memory[1]


@pytest.mark.slow
def test_every_job_has_a_w_and_b_run_of_its_own_and_nothing_of_another(nine: Nine) -> None:
    assert len(list((nine.folder / "runs" / "wandb").glob("offline-run-*"))) == 9
    for run in nine.runs:
        shown, record = inspect(run), read_json(run / "record.json")
        variant, seed = run.name.split("-")[1], int(run.name.split("-s")[2].split("-")[0])
        assert (shown.exit_code, shown.config["model"]["name"], shown.config["seed"]) == (0, variant, seed)
        expected = {"run_group": "shapes", "job_type": "train", "tags": [variant, "shapes"]}
        expected |= {"display_name": run.name, "run_id": record["wandb_id"]}
        assert {key: shown.head[key] for key in expected} == expected
        # What a process of the job is told: this job, not the sweep.
        assert {f"model={variant}", f"seed={seed}", "hydra.mode=RUN"} <= set(shown.words)
        assert "-m" not in shown.words
        scores = [row["val/mean_iou"] for row in shown.rows if "val/mean_iou" in row]
        assert scores == pytest.approx([row["val/mean_iou"] for row in read_history(run / "history.csv")])
        assert [row["_step"] for row in shown.rows] == list(range(len(shown.rows)))


def done(run: Path) -> bool:
    return read_json(run / "record.json")["status"] == "finished"


EPSILONS = ("+optim.optimizer.eps=1e-8,-1,1e-7",)  # torch refuses the second when the fit begins


@pytest.mark.slow
def test_one_failing_job_of_three_stops_no_other_and_given_again_it_alone_is_run(
    command: Command, tmp_path: Path
) -> None:
    outcome = command("train", "-m", *LOGGED, *EPSILONS)
    assert outcome.code == 1
    rows = table(outcome.text, 3)
    assert [row[:2] for row in (rows[0], rows[2])] == [
        ["+optim.optimizer.eps=1e-08", "done"],
        ["+optim.optimizer.eps=1e-07", "done"],
    ]
    assert rows[1][:2] == ["+optim.optimizer.eps=-1", "failed:"]
    assert "optim.optimizer: AdamW cannot be built: Invalid epsilon value: -1" in outcome.text
    assert "1 not finished. Give the same command again" in outcome.text
    runs = {read_json(run / "record.json")["status"]: run for run in (tmp_path / "runs").glob("shapes-*")}
    assert set(runs) == {"failed", "finished"}
    for run in (tmp_path / "runs").glob("shapes-*"):
        assert ("Traceback" in (run / "train.log").read_text()) == (run == runs["failed"])
    assert [inspect(runs[status]).exit_code for status in ("failed", "finished")] == [1, 0]

    # What fails before the fit is told to W&B too.
    assert command("train", *LOGGED, "model.skips=[pool9]").code == 1
    (early,) = [run for run in (tmp_path / "runs").glob("shapes-*") if run not in runs.values() and not done(run)]
    assert inspect(early).exit_code == 1

    again = command("train", "-m", *LOGGED, *EPSILONS)
    assert again.code == 1
    scores = [read_json(path)["test/mean_iou"] for path in (tmp_path / "runs").glob("*/metrics.json")]
    rows = table(again.text, 3)
    assert [row[1] for row in rows] == ["skipped", "failed:", "skipped"]
    for row in (rows[0], rows[2]):
        assert float(row[2]) in [round(100 * score, 2) for score in scores]


@pytest.mark.slow
def test_an_interrupted_sweep_is_taken_up_where_it_stood(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("-m", *(word for word in TINY if word != "epochs=1"), "epochs=2", "seed=0,1,2")
    with monkeypatch.context() as patch:
        patch.setattr(History, "on_train_epoch_end", leave_at_epoch(4))
        first = command("train", *words)
    assert first.code == 1
    assert [row[:2] for row in table(first.text, 2)] == [["seed=0", "done"], ["seed=1", "interrupted"]]
    with monkeypatch.context() as patch:
        patch.setattr(
            History, "on_train_epoch_end", leave_at_epoch(4)
        )  # one epoch of seed=1 and two of seed=2 are left
        second = command("train", *words)
    assert second.code == 0, second.text
    assert "Going on from runs" in second.text
    assert [row[:2] for row in table(second.text, 3)] == [
        ["seed=0", "skipped"],
        ["seed=1", "resumed"],
        ["seed=2", "done"],
    ]
    for run in (tmp_path / "runs").glob("shapes-*"):
        assert [row["epoch"] for row in read_history(run / "history.csv")] == [0, 1]


@pytest.mark.slow
def test_finished_jobs_of_other_code_are_not_passed_off_as_current(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("-m", *TINY, "seed=0,1")
    assert command("train", *words).code == 0
    with monkeypatch.context() as patch:
        patch.setattr("fcnlab.run.record.source_hash", lambda config: "other")
        changed = command("train", *words)
    assert [row[:3] for row in table(changed.text, 2)] == [["seed=0", "other", "code"], ["seed=1", "other", "code"]]
    assert "2 of other code than today's: rerun=changed trains them again" in changed.text
    assert [row[1] for row in table(command("train", *words, "rerun=changed").text, 2)] == ["skipped", "skipped"]
    assert [row[1] for row in table(command("train", *words, "rerun=all").text, 2)] == ["done", "done"]


@pytest.mark.slow
def test_jobs_of_joblib_start_together_in_processes_of_their_own_and_are_all_accounted_for(tmp_path: Path) -> None:
    launcher = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    done = run_here(*LOGGED, *launcher, "data.batch_size=4,999,8", folder=tmp_path)
    assert done.returncode == 1
    assert [row[1] for row in table(done.stdout, 3)] == ["done", "failed:", "done"]
    runs = list((tmp_path / "runs").glob("shapes-*"))
    assert len(runs) == 3
    assert len({(run / ".lock.holder").read_text() for run in runs}) == 2  # which name the processes
    for run in runs:
        shown, record = inspect(run), read_json(run / "record.json")
        assert (shown.head["display_name"], shown.exit_code) == (run.name, int(record["status"] == "failed"))
    assert {path.name for path in tmp_path.iterdir()} == {"runs"}


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("hydra.sweep.dir=mine",), ("runs_dir='my runs'",)])
def test_results_lie_where_the_command_was_given_whatever_hydra_changes_into(
    more: tuple[str, ...], command: Command, tmp_path: Path
) -> None:
    words = [*TINY, "trainer=smoke", "hydra.job.chdir=true", *more, "seed=0,1"]
    outcome = command("train", "-m", *words)
    assert outcome.code == 0, outcome.text
    folder = tmp_path / ("my runs" if "runs_dir" in "".join(more) else "runs")
    assert len(list(folder.glob("shapes-*/metrics.json"))) == 2
    assert Path.cwd() == tmp_path
    assert {path.name for path in tmp_path.iterdir()} <= {folder.name, "mine"}
    assert command("train", *words[:-1], "seed=0").text.count("nothing to train") == 1
