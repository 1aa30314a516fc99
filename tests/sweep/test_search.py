"""A search, interrupted and given again, ends with the asked trials, and never scores the test set."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import TINY, Command, leave_at_epoch, table
from omegaconf import OmegaConf

from fcnlab.callbacks.history import History
from fcnlab.run.files import read_history, read_json

SEARCH = ("search=recipe", *(word for word in TINY if word != "epochs=1"), "epochs=2")


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal in which a row of a table is a line."""
    monkeypatch.setenv("COLUMNS", "400")


def studies(folder: Path) -> list[str]:
    import optuna  # after fcnlab.sweep.search, which knows of a warning

    return [study.study_name for study in optuna.get_all_study_summaries(f"sqlite:///{folder}/runs/search.db")]


def trials(folder: Path) -> list[Any]:
    import optuna

    (name,) = studies(folder)
    assert name.startswith("fcn8s-shapes-")
    return optuna.load_study(study_name=name, storage=f"sqlite:///{folder}/runs/search.db").trials


@pytest.mark.slow
def test_an_interrupted_search_ends_with_the_asked_trials_and_never_scores_the_test_set(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(History, "on_train_epoch_end", leave_at_epoch(6))
        first = command("train", *SEARCH, "hydra.sweeper.n_trials=3")
    assert first.code == 1
    assert [trial.state.name for trial in trials(tmp_path)] == ["COMPLETE", "COMPLETE", "RUNNING"]

    second = command("train", *SEARCH, "hydra.sweeper.n_trials=3")
    assert second.code == 0, second.text
    assert "resumed" in table(second.text, 1)[0]
    done = [trial for trial in trials(tmp_path) if trial.state.name == "COMPLETE"]
    assert len(done) == 3
    assert done[-1].params == trials(tmp_path)[2].params
    assert "has 3 finished trials" in second.text
    assert f"optim.lr={max(done, key=lambda trial: trial.value or 0).params['optim.lr']}" in second.text

    third = command("train", *SEARCH, "hydra.sweeper.n_trials=3")
    assert third.code == 0
    assert "has 3 finished trials" in third.text
    fourth = command("train", *SEARCH, "hydra.sweeper.n_trials=4")
    assert fourth.code == 0, fourth.text
    rates = [trial.params["optim.lr"] for trial in trials(tmp_path) if trial.state.name == "COMPLETE"]
    assert len(set(rates)) == 4  # the sampler does not begin again

    runs = list((tmp_path / "runs").glob("search-*"))
    assert len(runs) == 4
    for run in runs:
        metrics = read_json(run / "metrics.json")
        assert metrics["val/mean_iou"] == max(row["val/mean_iou"] for row in read_history(run / "history.csv"))
        assert not [key for key in metrics if key.startswith("test/")]
        assert not (run / "counts.npz").exists()
        assert read_json(run / "record.json")["status"] == "finished"


@pytest.mark.slow
def test_a_failed_trial_stops_no_other_and_is_tried_again(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = (*SEARCH, "epochs=1", "hydra.sweeper.n_trials=2")
    with monkeypatch.context() as patch:
        patch.setattr(History, "on_train_epoch_end", leave_at_epoch(1, ZeroDivisionError))
        assert command("train", *words).code == 1
    assert [trial.state.name for trial in trials(tmp_path)] == ["FAIL", "COMPLETE"]
    assert command("train", *words).code == 0
    failed, _, again = trials(tmp_path)
    assert (again.state.name, again.params) == ("COMPLETE", failed.params)
    assert "has 2 finished trials" in command("train", *words).text

    # What else is typed makes another search, unless it cannot change a result.
    assert command("train", *words, "trainer.log_every_n_steps=7").code == 0
    assert len(studies(tmp_path)) == 1
    assert command("train", *words, "optim.weight_decay=0.5", "hydra.sweeper.n_trials=1").code == 0
    assert len(studies(tmp_path)) == 2


def test_a_search_that_would_score_the_test_set_is_refused(command: Command) -> None:
    outcome = command("train", "-m", "hydra/sweeper=optuna", *TINY, "optim.lr=interval(0.1,0.2)")
    assert outcome.code == 1
    assert "test=true in a search: it would choose by the test set. Say test=false" in outcome.text


@pytest.mark.parametrize(
    ("word", "package"),
    [
        ("hydra/launcher=joblib", "hydra-joblib-launcher"),
        ("hydra/launcher=slurm", "hydra-submitit-launcher"),
        ("search=recipe", "hydra-optuna-sweeper"),
    ],
)
def test_a_plugin_that_is_not_installed_is_named(word: str, package: str) -> None:
    code = "import sys; sys.modules['hydra_plugins'] = None\n"
    code += f"sys.argv = ['train', '-m', {word!r}, 'seed=0,1']\nfrom fcnlab.train import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"needs the package {package}. Type: pip install -e '.[sweep]'" in done.stderr


@pytest.mark.slow
def test_a_search_for_the_lowest_loss_minimises_it(command: Command, tmp_path: Path) -> None:
    words = (*SEARCH, "epochs=1", "hydra.sweeper.n_trials=2", "monitor={metric: val/loss, mode: min}")
    outcome = command("train", *words)
    assert outcome.code == 0, outcome.text
    lowest = min(trials(tmp_path), key=lambda trial: trial.value)
    assert f"optim.lr={lowest.params['optim.lr']}" in outcome.text
    assert f"with a val/loss of {lowest.value:.4f}" in outcome.text
    losses = {read_json(run / "metrics.json")["val/loss"] for run in (tmp_path / "runs").glob("search-*")}
    assert {trial.value for trial in trials(tmp_path)} == losses


def test_a_tilde_in_the_storage_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fcnlab.sweep.search import Continue

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    sweeper = {"_target_": "x.OptunaSweeper", "storage": "sqlite:///~/runs/search.db", "study_name": "s", "params": {}}
    sweeper |= {"n_trials": 1, "sampler": {"seed": 0}}
    hydra = {"sweeper": sweeper, "overrides": {"task": []}, "sweep": {"dir": str(tmp_path / "sweep")}}
    config = OmegaConf.create({"hydra": hydra, "test": False, "monitor": {"metric": "val/mean_iou", "mode": "max"}})
    (tmp_path / "home" / "runs").mkdir(parents=True)
    Continue().on_multirun_start(config)
    assert config.hydra.sweeper.storage == f"sqlite:///{tmp_path}/home/runs/search.db"
    assert not (tmp_path / "~").exists()
