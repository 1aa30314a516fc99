"""The callbacks of a training: history, checkpoints, results, and what the config asks for besides."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import (
    BatchSizeFinder,
    Callback,
    EarlyStopping,
    LearningRateFinder,
    LearningRateMonitor,
    ModelCheckpoint,
    ModelPruning,
    OnExceptionCheckpoint,
    StochasticWeightAveraging,
    WeightAveraging,
)
from lightning.pytorch.loggers import Logger

from fcnlab.callbacks.checkpoint_facts import CheckpointFacts
from fcnlab.callbacks.checkpoints import BestCheckpoint, LastCheckpoint
from fcnlab.callbacks.ending import Ending
from fcnlab.callbacks.finite_loss import FiniteLoss
from fcnlab.callbacks.history import History
from fcnlab.callbacks.image_results import ImageResults
from fcnlab.callbacks.listen import Listen
from fcnlab.callbacks.monitored import TryValidation
from fcnlab.callbacks.optimizer_modes import OptimizerModes
from fcnlab.callbacks.progress_lines import ProgressLines, has_terminal
from fcnlab.callbacks.signals import Signals
from fcnlab.callbacks.skipped_images import SkippedImages
from fcnlab.callbacks.validation_images import ValidationImages
from fcnlab.cli.compose import build
from fcnlab.cli.validation import wrong_way
from fcnlab.data.datamodule import SegmentationData
from fcnlab.error import UserError, kind
from fcnlab.metric.extra import PAPER
from fcnlab.run.record import Run

# Of Lightning's, what would have no effect or another one than it seems.
REFUSED: dict[type[Callback], str] = {
    StochasticWeightAveraging: "puts its weights in after the last checkpoint is written, so that they would be "
    "neither kept nor tested. Take callbacks=swa.",
    BatchSizeFinder: "would change data.batch_size behind the config. Set data.batch_size, or take search=recipe.",
    LearningRateFinder: "would change optim.lr behind the config. Set optim.lr, or take search=recipe.",
    OnExceptionCheckpoint: "would let the next training begin from what it kept of a failed one, whichever that was. "
    "Every run keeps last.ckpt; see checkpoint.every_n_steps.",
}


def run_callbacks(
    run: Run, data: SegmentationData, config: dict[str, Any], loggers: Sequence[Logger], signals: Signals
) -> list[Callback]:
    """What accompanies a training: history, checkpoints, results, and what the config asks for besides."""
    folder, monitor = run.folder / "checkpoints", config["monitor"]
    own = own_callbacks(config["callbacks"], folder)
    if config["score"] == "best" and any(isinstance(one, ModelPruning) for one in own.values()):
        raise UserError("ModelPruning prunes after a validation: best.ckpt is the net before it. Set score=last.")
    asked = monitored(config, own)
    callbacks: list[Callback] = [
        *own.values(),
        *([TryValidation(asked)] if is_unusual(config, asked) else []),
        OptimizerModes(),
        Listen(signals),
        FiniteLoss(),
        SkippedImages(run),
        Ending(run),
        CheckpointFacts(config, data.facts()),
        History(run.folder / "history.csv", monitor["metric"]),
        BestCheckpoint(folder, **monitor),
        ImageResults(run.folder, data, write=run.write),
    ]
    if config["early_stopping"] is not None:
        callbacks.append(EarlyStopping(monitor=monitor["metric"], mode=monitor["mode"], **config["early_stopping"]))
    if loggers:
        callbacks.append(LearningRateMonitor(logging_interval="step"))
        callbacks.append(ValidationImages(data))
    if not has_terminal():
        callbacks.append(ProgressLines(monitor["metric"]))
    every = config["checkpoint"]["every_n_steps"]
    # The last: it keeps the states of the others.
    last = LastCheckpoint(
        folder / "last.ckpt", every_n_steps=every, signals=signals, saved=lambda _: run.write_seconds()
    )
    return [*callbacks, last]


def monitored(config: Mapping[str, Any], own: Mapping[str, Callback]) -> dict[str, str]:
    """The scores of a validation that somebody waits for, by the setting that names them."""
    asked = {"monitor.metric": config["monitor"]["metric"], "scheduler.monitor": config["scheduler"].get("monitor")}
    asked |= {f"callbacks.{name}.monitor": getattr(callback, "monitor", None) for name, callback in own.items()}
    first = config["monitor"]["metric"]  # a task of one's own may call its scores as it likes
    return {setting: str(name) for setting, name in asked.items() if name == first or str(name).startswith("val/")}


def is_unusual(config: Mapping[str, Any], asked: Mapping[str, str]) -> bool:
    """Whether a validation may fail in ways that no rehearsal shows: a metric, a task or a score that is not ours."""
    ours = {f"val/{name}" for name in PAPER}
    task = str(config["task"]["_target_"]).startswith("fcnlab.")
    return bool(config["metrics"]) or not task or not ours.issuperset(asked.values())


def own_callbacks(settings: Mapping[str, Any] | None, folder: Path) -> dict[str, Callback]:
    """The callbacks that conf/callbacks describes, by name; checkpoints without a folder go below ``folder``."""
    found = dict[str, Callback]()
    for name, node in (settings or {}).items():
        if node is None:  # taken out: callbacks.ema=null
            continue
        callback = build(node)
        if not isinstance(callback, Callback):
            raise UserError(
                f"callbacks.{name} builds {kind(callback)}. It must be a Lightning Callback, of lightning.pytorch: "
                "pytorch_lightning's are others."
            )
        for refused, reason in REFUSED.items():
            if isinstance(callback, refused):
                raise UserError(f"callbacks.{name}: Lightning's {refused.__name__} {reason}")
        if wrong := wrong_way(str(getattr(callback, "monitor", "")), str(getattr(callback, "mode", ""))):
            raise UserError(f"callbacks.{name}: {wrong}")
        if isinstance(callback, ModelCheckpoint) and callback.dirpath is None:
            callback.dirpath = str(folder / name)
        found[name] = callback
    if len(averages := [name for name, one in found.items() if isinstance(one, WeightAveraging)]) > 1:
        raise UserError(
            f"callbacks {' and '.join(averages)} both put their average in for a validation and take it out again: the "
            "weights would end up mixed. Choose one of them."
        )
    return found
