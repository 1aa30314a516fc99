"""A search started again ends with the asked number of finished trials, and takes up those that did not finish."""

import hashlib
import json
import logging
import os
import sys
import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from fcnlab.cli.terminal import say
from fcnlab.run.lock import hold
from fcnlab.run.name import is_neutral

os.environ.setdefault("SQLALCHEMY_SILENCE_UBER_WARNING", "1")  # optuna 2 and SQLAlchemy 1.4 belong together


class Continue(Callback):
    """Called by Hydra before and after a sweep; what is no search of Optuna's with a stored study is left alone.

    Optuna's sweeper would add ``n_trials`` to those that a study has, leave interrupted ones running for ever, and
    draw the first random numbers again.
    """

    held: ClassVar[ExitStack | None] = None  # by this process, in which an interrupted search has no end

    def __init__(self) -> None:
        self.lock: ExitStack | None = None

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Set the number of trials still to go, and enqueue what did not finish."""
        sweeper = config.hydra.sweeper
        if not is_search(config):
            return
        if config.get("test"):  # Hydra turns errors of callbacks into warnings, but not an exit
            sys.exit("\nerror: test=true in a search: it would choose by the test set. Say test=false or search=...")
        with read_write(config.hydra):
            sweeper.direction = "minimize" if config.monitor.mode == "min" else "maximize"
        if not sweeper.storage:
            return
        with read_write(config.hydra):
            sweeper.study_name = f"{sweeper.study_name}-{identity(config)}"
            if sweeper.storage.startswith("sqlite:///~"):
                sweeper.storage = f"sqlite:///{Path(sweeper.storage.removeprefix('sqlite:///')).expanduser()}"
        try:
            if sweeper.storage.startswith("sqlite:///"):
                file = Path(sweeper.storage.removeprefix("sqlite:///"))
                if Continue.held:
                    Continue.held.close()
                self.lock = Continue.held = hold(file.with_name(f".{file.name}.lock"), f"The search in {file} is run")
            done, tried = continue_study(sweeper.study_name, sweeper.storage)
        except Exception as error:
            sys.exit(f"\nerror: Cannot go on with the search in {sweeper.storage}: {error}")
        Path(config.hydra.sweep.dir).mkdir(parents=True, exist_ok=True)  # where Optuna writes even if no job ran
        with read_write(config.hydra), open_dict(config.hydra):
            sweeper.n_trials = max(0, sweeper.n_trials - done)
            if sweeper.sampler.get("seed") is not None:
                sweeper.sampler.seed += tried

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Say how far the search is and what is best so far."""
        if is_search(config) and config.hydra.sweeper.storage:
            show_search(config.hydra.sweeper.study_name, config.hydra.sweeper.storage, config.monitor.metric)
        self.__del__()

    def __del__(self) -> None:
        """An interrupted sweep has no end."""
        if self.lock:
            self.lock.close()


def is_search(config: DictConfig) -> bool:
    """Whether Optuna chooses the jobs."""
    return str(config.hydra.sweeper["_target_"]).endswith("OptunaSweeper")


def identity(config: DictConfig) -> str:
    """A hash of the overrides and of what is searched, without what cannot change a result: one study per search."""
    overrides = [word for word in config.hydra.overrides.task if not is_neutral(word.partition("=")[0].lstrip("+~"))]
    space = OmegaConf.to_container(config.hydra.sweeper.params, resolve=False)
    return hashlib.sha256(json.dumps([sorted(overrides), space], sort_keys=True).encode()).hexdigest()[:8]


def continue_study(name: str, storage: str) -> tuple[int, int]:
    """Enqueue the parameters of a study's unfinished trials again; how many finished and how many it has."""
    import optuna
    from optuna.trial import TrialState

    optuna.logging.set_verbosity(logging.WARNING)
    # enqueue_trial is called experimental and has not changed from 1.2 to 4.
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    try:
        study = optuna.load_study(study_name=name, storage=storage)
    except KeyError:  # a new study
        return 0, 0
    trials = study.get_trials()
    settled: list[Any] = [t.params for t in trials if t.state == TrialState.COMPLETE]
    settled += [t.system_attrs.get("fixed_params") for t in trials if t.state == TrialState.WAITING]
    for trial in trials:
        if trial.state == TrialState.RUNNING:
            study.tell(trial.number, state=TrialState.FAIL)
        if trial.state in (TrialState.RUNNING, TrialState.FAIL) and trial.params and trial.params not in settled:
            study.enqueue_trial(trial.params)
            settled.append(trial.params)
    return sum(t.state == TrialState.COMPLETE for t in trials), len(trials)


def show_search(name: str, storage: str, metric: str) -> None:
    """Say how many trials have finished, and the best one's parameters."""
    import optuna
    from optuna.trial import TrialState

    study = optuna.load_study(study_name=name, storage=storage)
    done = study.get_trials(states=(TrialState.COMPLETE,))
    say(f"Search {name} has {len(done)} finished trials.")
    if done:
        words = " ".join(f"{key}={value}" for key, value in study.best_trial.params.items())
        say(f"The best so far: {words}, with a {metric} of {study.best_value:.4f}.")
