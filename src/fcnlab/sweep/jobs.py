"""The jobs of a sweep: none stops another, and all are accounted for, in whichever process they ran."""

import gc
import json
import secrets
import shutil
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from fcnlab.callbacks.signals import SIGNALS
from fcnlab.cli import rank
from fcnlab.cli.terminal import is_first_process, say
from fcnlab.error import UserError
from fcnlab.sweep.process import run_module
from fcnlab.sweep.tables import Job, show_jobs
from fcnlab.trainer.allocator import give_back

INTERRUPTED = tuple(128 + number for number in SIGNALS)  # exit codes by convention
SCORES = ("test/mean_iou", "val/mean_iou")  # the first that a job has is shown


class Sweep:
    """What became of the jobs, kept in a folder that all of them can reach and that goes when the sweep ends.

    Args:
        flags, overrides: the command line.
    """

    def __init__(self, flags: Sequence[str], overrides: Sequence[str]) -> None:
        folders = [word.partition("=")[2].strip("'\"") for word in overrides if word.startswith("runs_dir=")]
        self.folder = Path(folders[-1] if folders else ".").expanduser().resolve() / f".sweep-{secrets.token_hex(4)}"
        self.folder.exists()  # raises where the name is too long for a file
        self.before = 0
        self.program = [sys.argv[0], *(word for word in flags if word not in ("-m", "--multirun"))]

    def begin(self) -> list[str]:
        """What tells Hydra to keep its own files there too; jobs are numbered on from those begun before."""
        self.before = len(list(self.folder.glob("*.json")))
        return [f"hydra.sweep.dir={json.dumps(str(self.folder))}", "hydra.sweep.subdir=."]

    @property
    def begun(self) -> bool:
        """Whether any job was begun."""
        return self.folder.exists()

    @property
    def is_empty(self) -> bool:
        """Whether no job was."""
        return not any(self.folder.glob("*.json"))

    def run(self, task: Callable[[DictConfig], Any], cfg: DictConfig, explain: Callable[[Exception], str]) -> Any:
        """Run one job; an error ends the job and is kept, and the others go on."""
        setting = HydraConfig.get()
        job = Job(list(setting.overrides.task))
        self.keep(number := self.before + setting.job.num, job)
        argv = sys.argv
        # Processes that the job starts are told this job, not the sweep; so is W&B.
        sys.argv = [*self.program, *job.words, "hydra.mode=RUN"]
        try:
            # Whether Lightning would start processes for this training: nobody else has, for several devices.
            several = "rerun" in cfg and rank.processes(cfg.trainer) > 1 and not rank.is_started_by_others()
            trained = self.train_alone(task, cfg) if several else ""
            value = task(cfg)
            scores = value if isinstance(value, dict) else {}
            job.metric = next((key for key in SCORES if key in scores), "")
            job.outcome, job.score = trained or getattr(value, "outcome", "done"), scores.get(job.metric)
            return None if job.outcome == "stopped" else value  # a search has nothing to go by
        except Exception as error:
            job.outcome, job.message = "failed", explain(error)
            say(f"\nerror: {job.message}")
            if cfg.get("trace"):
                traceback.print_exc()
        finally:
            sys.argv = argv
            self.keep(number, job)
            gc.collect()  # a Trainer and its parts know each other
            give_back()

    def fail(self, words: list[str], message: str) -> None:
        """Account for a job that could not be composed."""
        say(f"\nerror: {message}")
        self.keep(len(list(self.folder.glob("*.json"))), Job(words, "failed", message=message))

    def train_alone(self, task: Callable[[DictConfig], Any], cfg: DictConfig) -> str:
        """Train a job on several devices as a command of its own; the outcome, empty if there was nothing to do.

        Processes that trained together leave traces, and a dying one ends the others. What is left then is to read the
        job's scores. Raises UserError where it fails, and ends as it did where a signal ended it.
        """
        from fcnlab.run.record import Run
        from fcnlab.run.staged_start import resolve

        run = Run(resolve(cfg))
        if run.stays(cfg.rerun):
            return ""
        outcome = "resumed" if run.last_checkpoint and not run.is_finished() else "done"
        name = getattr(sys.modules[task.__module__].__spec__, "name", task.__module__)  # of __main__: given after -m
        code = run_module(name, sys.argv[1:])
        if code in INTERRUPTED:
            sys.exit(code)
        if code:
            raise UserError(
                f"The job's processes ended with exit code {code}. What they printed stands above and in train.log."
            )
        cfg.rerun = "no"
        return outcome

    def keep(self, number: int, job: Job) -> None:
        """Write down how a job stands."""
        if is_first_process():
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / f"{number}.json").write_text(json.dumps(asdict(job)))

    def end(self) -> list[Job]:
        """Show all jobs that were begun, in their order, and give them; nothing is left behind."""
        files = sorted(self.folder.glob("*.json"), key=lambda file: int(file.stem))
        jobs = [Job(**json.loads(file.read_text())) for file in files]
        shutil.rmtree(self.folder, ignore_errors=True)
        if jobs:
            show_jobs(jobs)
        return jobs
