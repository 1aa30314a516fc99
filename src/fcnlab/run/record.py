"""What a run must write down to be repeated, resumed and compared: its folder, its record."""

import contextlib
import logging
import shutil
import sys
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

from fcnlab.cli.terminal import is_first_process, say
from fcnlab.error import UserError
from fcnlab.run.files import read_history, read_json, read_scores, write_atomic, write_json
from fcnlab.run.lock import hold
from fcnlab.run.name import run_name
from fcnlab.run.provenance import circumstances, lock_hash, machine_name, source_hash

if TYPE_CHECKING:
    import lightning as L


LOGGERS = ("fcnlab", "lightning.pytorch")  # whose messages go to train.log


class Result(dict[str, float]):
    """The content of a run's metrics.json, and how it came about: done, resumed, skipped, (by) other code, stopped."""

    outcome = "done"
    monitor = "val/mean_iou"

    def __float__(self) -> float:
        """What a search goes by. Raises UserError where it was never measured."""
        if self.monitor not in self:
            raise UserError(f"monitor.metric={self.monitor} was never measured. Known: {', '.join(self) or 'nothing'}.")
        return self[self.monitor]


class Stopped(BaseException):
    """Ends a training early and without an error, after ``last.ckpt`` was written: the same command goes on."""


class Run:
    """A run folder. As a context manager it sees to it that the record tells how the run ended.

    Args:
        config: the run's resolved config in plain Python.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.name = run_name(config)
        self.folder = Path(config["runs_dir"]).expanduser() / self.name
        self.config = config
        self.record = read_json(self.folder / "record.json")
        self.outcome, self.anew, self.begun, self.ended_before = "done", False, False, None
        self.started = time.monotonic()

    def is_done(self, rerun: str) -> bool:
        """Whether there is nothing to train: the run is finished and ``rerun`` does not ask for it again.

        A finished run of other code is not passed off as current: its line says so and asks for ``rerun``. An
        unfinished one goes on from its last checkpoint, whether it was interrupted or failed.
        """
        changed = self.is_of_other_code()
        if self.stays(rerun):
            self.outcome = "other code" if changed else "skipped"
            say(
                f"{self.name} was trained by other code than today's. rerun=changed trains it again, rerun=all any run."
                if changed
                else f"{self.name} is finished; nothing to train."
            )
            return True
        # rerun=all does not start an unfinished run anew: a job that a cluster requeues would never end.
        self.anew = (self.is_finished() and rerun == "all") or (changed and rerun != "no")
        return False

    def is_finished(self) -> bool:
        """Whether it was trained and tested to its end; if its scores are lost, it is scored again."""
        return self.record.get("status") == "finished" and (self.folder / "metrics.json").is_file()

    def stays(self, rerun: str) -> bool:
        """Whether the run is finished and ``rerun`` leaves it as it is."""
        untested = self.config["test"] and not self.record.get("tested", True)  # trained with test=false
        asked = rerun == "all" or (rerun == "changed" and self.is_of_other_code())
        return self.is_finished() and not untested and not asked

    def is_of_other_code(self) -> bool:
        """Whether any part of the run was trained by other code or other pinned versions than today's."""
        today = {"source_hash": source_hash(self.config), "lock_hash": lock_hash()}
        return bool(self.record.get("earlier_code")) or any(self.record.get(k) != today[k] for k in today)

    def is_of_other_files(self, stamp: str | None) -> bool:
        """Whether today's files lie elsewhere than those trained on, or have changed at a glance."""
        file = self.folder / "config.yaml"
        before = OmegaConf.load(file) if file.is_file() else OmegaConf.create({})
        moved = OmegaConf.select(before, "data.root") != self.config["data"].get("root")
        return bool(moved or stamp not in (None, self.record.get("stamp")))

    def check_data(self, fingerprint: Mapping[str, str]) -> None:
        """Raise UserError if what the run has learnt so far it learnt from other data than these."""
        if (self.last_checkpoint or self.outcome != "done") and (splits := self.other_splits(fingerprint)):
            raise UserError(
                f"{self.name} was trained on other data: the fingerprint of {', '.join(splits)} has changed. A run has "
                "one set of data. Give the new one a name (data.name=...), or train it anew with rerun=all."
            )

    def other_splits(self, fingerprint: Mapping[str, str]) -> list[str]:
        """The splits that are not what this run was trained on; none where it is not known, or they were not needed."""
        known = self.record.get("fingerprint") or fingerprint
        return [split for split in fingerprint if split in known and fingerprint[split] != known[split]]

    def clear(self) -> None:
        """Forget what an earlier training left, so that nothing of it is taken up."""
        for name in ("checkpoints", "predictions", "export"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        for name in ("record.json", "metrics.json", "history.csv", "counts.npz"):
            (self.folder / name).unlink(missing_ok=True)

    @property
    def last_checkpoint(self) -> Path | None:
        """Where an interrupted run can go on."""
        path = self.folder / "checkpoints" / "last.ckpt"
        return path if path.is_file() and not self.anew else None

    def scored_checkpoint(self) -> Path:
        """The checkpoint that is tested: the best on validation, or the last where the config says so.

        The last, too, where no validation has been yet; never instead of the best that was scored and is lost.
        """
        best = self.folder / "checkpoints" / "best.ckpt"
        there = best.is_file() or self.config["monitor"]["metric"] in read_json(self.folder / "metrics.json")
        return best if self.config["score"] == "best" and there else best.with_name("last.ckpt")

    def trained_checkpoint(self) -> Path:
        """The same after a training. Raises UserError where it ended before anything was kept."""
        if not (path := self.scored_checkpoint()).is_file():
            raise UserError(f"{self.name} ended before its first epoch did: there is nothing to test. See callbacks.")
        return path

    def metrics(self) -> Result:
        """The scores of a finished run."""
        result = Result(read_scores(self.folder / "metrics.json"))
        result.outcome, result.monitor = self.outcome, self.config["monitor"]["metric"]
        return result

    def history(self) -> list[dict[str, float]]:
        """The rows of history.csv, see ``read_history``."""
        return read_history(self.folder / "history.csv")

    def write_metrics(self, trainer: "L.Trainer") -> None:
        """Write metrics.json: the test scores, beside the train and val scores of the epoch that was tested."""
        rows = self.history()
        metric, mode = self.config["monitor"]["metric"], self.config["monitor"]["mode"]
        scored = [row for row in rows if metric in row] if self.config["score"] == "best" else []
        choose = max if mode == "max" else min
        best = choose(scored, key=lambda row: row[metric]) if scored else rows[-1]
        scores = {key: value for key, value in best.items() if "/" in key or key == metric}
        scores |= {key: value.item() for key, value in trainer.callback_metrics.items() if key.startswith("test/")}
        self.write(tested=self.config["test"])
        write_json(self.folder / "metrics.json", scores)

    def describe(self, trainer: "L.Trainer", task: "L.LightningModule") -> None:
        """Add to the record what runs, and on what."""
        self.write(
            device=machine_name(trainer.strategy.root_device.type, trainer.world_size),
            precision=str(trainer.precision),
            parameters=sum(p.numel() for p in (getattr(task, "net", None) or task).parameters()),
        )

    def write(self, **facts: Any) -> None:
        """Add facts to the record; on the disk once there is no earlier one to lose."""
        self.record |= facts
        if self.begun or not self.anew:
            write_json(self.folder / "record.json", self.record)

    def write_seconds(self) -> None:
        """Add to the record how long all trainings of this run took together, up to now."""
        self.write(seconds=round(self.earlier + time.monotonic() - self.started, 2))

    def __enter__(self) -> "Run":
        try:
            self.hold = hold(self.folder / ".lock", f"{self.name} is being trained")
            if self.anew:
                self.record = {}
            else:
                self.begin()
            log = self.folder / "train.log"
            self.log = logging.FileHandler(log, encoding="utf-8") if is_first_process() else logging.NullHandler()
        except OSError as error:
            if hasattr(self, "hold"):
                self.hold.close()
            raise UserError(f"Cannot write to {self.folder}: {error}. Set runs_dir=... to another folder.") from error
        self.earlier = self.record.get("seconds", 0.0)
        self.log.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        for name in LOGGERS:
            logging.getLogger(name).addHandler(self.log)
        today, earlier = circumstances(self.config), list(self.record.get("earlier_code", []))
        if self.last_checkpoint:
            self.outcome = "resumed"
            before = {key: self.record.get(key) for key in ("commit", "source_hash", "lock_hash")}
            if any(before[key] != today[key] for key in ("source_hash", "lock_hash")):
                earlier.append(before)
                say(f"{self.name} was begun by other code than today's; its record says so. rerun=changed starts anew.")
        self.write(name=self.name, status="running", **today, **({"earlier_code": earlier} if earlier else {}))
        return self

    def begin(self) -> None:
        """Write from now on. What an earlier training left is lost here, and not before the new one can start."""
        if self.anew and is_first_process():
            self.clear()
        self.ended_before = self.record.pop("ended", None)  # that of an earlier part
        self.begun = True
        write_atomic(self.folder / "config.yaml", OmegaConf.to_yaml(OmegaConf.create(dict(self.config))))
        self.write()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        status = "finished" if kind is None else "failed" if issubclass(kind, Exception) else "interrupted"
        stopped = kind is Stopped
        if stopped:
            self.outcome = "stopped"
            say(
                f"{self.record.get('ended', 'Stopped')}: last.ckpt is written, nothing was tested. Type "
                "the same command again and it goes on."
            )
        elif error is not None:
            logging.getLogger("fcnlab").error("".join(traceback.format_exception(error)))
        with contextlib.suppress(*[OSError] if error else []):  # a full disk must not hide the error
            self.write_seconds()
            self.write(status=status)
        if (wandb := sys.modules.get("wandb")) and wandb.run:
            try:
                wandb.finish(exit_code=0 if error is None else 1)
            except Exception as problem:  # its process got the signal too: how the run ended does not depend on that
                say(f"W&B could not be told the end: {type(problem).__name__}: {problem}")
        for name in LOGGERS:
            logging.getLogger(name).removeHandler(self.log)
        with contextlib.suppress(OSError):
            self.log.close()
        self.hold.close()
        return stopped
