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
    OnExceptionCheckpoint,
    StochasticWeightAveraging,
)
from lightning.pytorch.loggers import Logger

from fcnlab.callbacks.checkpoint_facts import CheckpointFacts
from fcnlab.callbacks.checkpoints import BestCheckpoint, LastCheckpoint
from fcnlab.callbacks.ending import Ending
from fcnlab.callbacks.finite_loss import FiniteLoss
from fcnlab.callbacks.history import History
from fcnlab.callbacks.image_results import ImageResults
from fcnlab.callbacks.listen import Listen
from fcnlab.callbacks.progress_lines import ProgressLines, has_terminal
from fcnlab.callbacks.signals import Signals
from fcnlab.callbacks.skipped_images import SkippedImages
from fcnlab.callbacks.validation_images import ValidationImages
from fcnlab.cli.compose import build
from fcnlab.cli.validation import wrong_way
from fcnlab.data.datamodule import SegmentationData
from fcnlab.error import UserError
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
    callbacks: list[Callback] = [
        *own_callbacks(config["callbacks"], folder),
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


def own_callbacks(settings: Mapping[str, Any] | None, folder: Path) -> list[Callback]:
    """The callbacks that conf/callbacks describes, by name; checkpoints without a folder go below ``folder``."""
    found = []
    for name, node in (settings or {}).items():
        if node is None:  # taken out: callbacks.ema=null
            continue
        callback = build(node)
        if not isinstance(callback, Callback):
            raise UserError(f"callbacks.{name} builds a {type(callback).__name__}. It must be a Lightning Callback.")
        for kind, reason in REFUSED.items():
            if isinstance(callback, kind):
                raise UserError(f"callbacks.{name}: Lightning's {kind.__name__} {reason}")
        if wrong := wrong_way(str(getattr(callback, "monitor", "")), str(getattr(callback, "mode", ""))):
            raise UserError(f"callbacks.{name}: {wrong}")
        if isinstance(callback, ModelCheckpoint) and callback.dirpath is None:
            callback.dirpath = str(folder / name)
        found.append(callback)
    return found
