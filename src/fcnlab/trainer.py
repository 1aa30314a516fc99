"""Assemble the Trainer: precision, callbacks, loggers, run folder."""

import inspect
import logging
import os
import secrets
import urllib.error
import urllib.request
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import lightning as L
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import (
    Callback,
    EarlyStopping,
    LearningRateMonitor,
    RichProgressBar,
)
from lightning.pytorch.loggers import Logger, WandbLogger

from fcnlab.compose import build
from fcnlab.data.datamodule import SegmentationData, usable_cores
from fcnlab.error import UserError
from fcnlab.evidence import Evidence, History, ValidationPictures
from fcnlab.memory import keep_freed_memory
from fcnlab.record import Run
from fcnlab.report import is_first_process, say
from fcnlab.resume import BestCheckpoint, LastCheckpoint, Signals, WholeFiles
from fcnlab.watch import FiniteLoss, SkippedImages

EXPECTED_WARNINGS = (
    "does not have many workers",  # data.num_workers=auto chose them
    "isinstance.treespec, LeafSpec",  # lightning 2.6 beside torch 2.14
    "requested to overfit but enabled train dataloader shuffling",  # trainer=overfit means one batch, always the same
    "srun. command is available on your system but is not used",  # one process here is what was asked for
    "is smaller than the logging interval",  # history.csv has the epochs; loggers get fewer steps
    "exists and is not empty",  # a run that goes on finds its checkpoints
    "your dataloader is not resumable",  # it is: data.datamodule begins where the checkpoint stands
    "sync_dist=True",  # torchmetrics has summed the scores over all processes
    "called before the ``update`` method",  # a process or the rest of an epoch without a batch of its own
)


def build_trainer(settings: dict[str, Any], **given: Any) -> L.Trainer:
    """A Trainer from the keys of conf/trainer; ``precision: auto`` is resolved for the device at hand."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)  # its hints are not about this run
    for message in EXPECTED_WARNINGS:
        warnings.filterwarnings("ignore", f".*{message}.*")
    if not on_gpu(settings["accelerator"]):
        refuse_crowds(settings["devices"])
        keep_freed_memory()
    settings = settings | {"precision": resolve_precision(settings["precision"], settings["accelerator"])}
    bar = [Progress()] if settings["enable_progress_bar"] else []
    callbacks = [*given.pop("callbacks", []), *bar]
    if settings["sync_batchnorm"] and not on_gpu(settings["accelerator"]):
        say("trainer.sync_batchnorm: torch has it for GPUs only; each process normalises by its own images.")
        settings["sync_batchnorm"] = False
    given |= {"callbacks": callbacks, "plugins": [WholeFiles()]}
    # Lightning leaves these two as the job before set them where a setting is null.
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.benchmark = False
    try:
        # Our samplers share out the images themselves: Lightning's would repeat some.
        return L.Trainer(**settings, use_distributed_sampler=False, **given)
    except (ValueError, MisconfigurationException) as error:
        raise UserError(f"The Trainer refuses trainer=...: {error} See conf/trainer/default.yaml.") from error


def refuse_crowds(devices: Any) -> None:
    """Raise UserError for more processes on CPUs than any would have a use for: each takes a core and its memory."""
    limit = max(8, usable_cores())  # a few more than there are cores: to try whether it works
    if isinstance(devices, int) and devices > limit:
        raise UserError(f"trainer.devices={devices} starts so many processes on CPUs. Set {limit} or fewer.")


class Progress(RichProgressBar):
    """Lightning's progress bar without the logger's version number, so that it fits a line."""

    def get_metrics(self, *arguments: Any) -> dict[str, Any]:
        """Loss and mean IU."""
        return {k: v for k, v in super().get_metrics(*arguments).items() if k != "v_num"}


def on_gpu(accelerator: str) -> bool:
    """Whether ``trainer.accelerator`` means an NVIDIA (or ROCm) GPU here."""
    return accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available()


def resolve_precision(precision: str, accelerator: str) -> str:
    """``auto`` becomes bf16-mixed where the device computes fast in it, 32-true elsewhere."""
    if precision == "16-mixed" and not on_gpu(accelerator):
        raise UserError("trainer.precision=16-mixed needs a GPU: CPUs have no fast float16. Use bf16-mixed or 32-true.")
    on_cpu = not on_gpu(accelerator) and (accelerator == "cpu" or not torch.backends.mps.is_available())
    slow = on_cpu and not torch.cpu._is_avx512_bf16_supported()
    if precision != "auto":
        if precision.startswith("bf16") and slow:
            say(f"trainer.precision={precision}: this CPU has no bfloat16 of its own; 32-true is likely to be faster.")
        return precision
    if on_gpu(accelerator):
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "16-mixed"
    return "bf16-mixed" if on_cpu and not slow else "32-true"


def prefers_channels_last(config: dict[str, Any]) -> bool:
    """``channels_last: auto`` means: in 16-bit, where it is faster; in 32-bit it is slower on CPUs."""
    if config["channels_last"] == "auto":
        settings = config["trainer"]
        return "16" in resolve_precision(settings["precision"], settings["accelerator"])
    return bool(config["channels_last"])


def run_callbacks(
    run: Run, data: SegmentationData, config: dict[str, Any], logger: Logger | None, signals: Signals
) -> list[Callback]:
    """What accompanies a training: history, checkpoints, evidence, and what the config asks for besides."""
    folder = run.folder / "checkpoints"

    def saved(trainer: L.Trainer) -> None:
        run.write_seconds()
        if isinstance(logger, SavedWandbLogger):
            logger.release(trainer.global_step)

    callbacks: list[Callback] = [
        FiniteLoss(),
        SkippedImages(run),
        History(run.folder / "history.csv"),
        # Weights only: what it takes to go on training is in last.ckpt, which comes last and keeps the others' states.
        BestCheckpoint(folder),
        Evidence(run.folder, data, write=run.write),
    ]
    if config["early_stopping"]:
        callbacks.append(early_stopping(config["early_stopping"]))
    if logger is not None:
        callbacks.append(LearningRateMonitor(logging_interval="step"))
        callbacks.append(ValidationPictures(data))
    every = config["checkpoint"]["every_n_steps"]
    callbacks.append(LastCheckpoint(folder / "last.ckpt", every_n_steps=every, signals=signals, saved=saved))
    return callbacks


def early_stopping(settings: dict[str, Any]) -> EarlyStopping:
    """Stop when the validation gets no better; the keys are Lightning's."""
    try:
        return EarlyStopping(monitor="val/mean_iou", mode="max", **settings)
    except TypeError as error:
        known = [name for name in inspect.signature(EarlyStopping).parameters if name not in ("monitor", "mode")]
        raise UserError(f"early_stopping={settings}: {error}. Known: {', '.join(known)}.") from error


def why_offline(wandb: ModuleType) -> str:
    """Why W&B cannot be written to now; empty if it can. W&B itself would try for a minute and a half."""
    if not wandb.api.api_key:
        return "nobody is logged in (wandb login)"
    settings = wandb.Settings()
    settings.update_from_env_vars(os.environ)  # WANDB_BASE_URL: a server of one's own
    address = settings.base_url
    try:
        urllib.request.urlopen(address, timeout=5).close()
    except urllib.error.HTTPError:
        return ""  # it answers
    except OSError as error:
        return f"{address} cannot be reached ({error})"
    return ""


def build_logger(settings: dict[str, Any], run: Run) -> Logger | None:
    """The logger that conf/logger describes, or none; a W&B run keeps its id over restarts."""
    if not settings:
        return None
    Path(run.folder).mkdir(parents=True, exist_ok=True)
    if not settings["_target_"].endswith("WandbLogger"):
        return build(settings, name=run.name)  # type: ignore[no-any-return]
    import wandb

    if not settings["offline"] and (problem := why_offline(wandb)):
        rows = Path(settings["save_dir"]).expanduser() / "wandb" / "offline-run-*"
        say(f"W&B: {problem}, so this run is logged offline; send it with: wandb sync --yes {rows}")
        settings = settings | {"offline": True}
    # Before the run: Lightning's WandbLogger passes an argument that wandb warns about.
    wandb.setup(wandb.Settings(silent=True, mode="offline" if settings["offline"] else "online"))
    run_id = run.record.get("wandb_id") or secrets.token_hex(4)
    run.write(wandb_id=run_id)
    own = wandb.Settings(console="off", silent=True)
    if "x_transaction_log_flush_interval" in wandb.Settings.model_fields:
        own.x_transaction_log_flush_interval = 1.0  # seconds of rows that kill -9 may take; W&B's own is 15
    # W&B's own process may have started in another folder.
    place = str(Path(settings["save_dir"]).expanduser().resolve())
    logger = build(settings | {"save_dir": place}, name=run.name, version=run_id, settings=own)
    if is_first_process():
        logger.experiment.config.update(run.config, allow_val_change=True)
        logger.experiment.define_metric("val/mean_iou", summary="max")
    return logger  # type: ignore[no-any-return]


def send_result(logger: Logger | None, run: Run) -> None:
    """Let the W&B run's summary say what metrics.json says; that of a resumed run would forget its earlier parts."""
    if isinstance(logger, WandbLogger) and is_first_process():
        best = max((row["val/mean_iou"] for row in run.history() if "val/mean_iou" in row), default=None)
        logger.experiment.summary.update(run.metrics() | {"val/mean_iou": {"max": best}})


class SavedWandbLogger(WandbLogger):
    """W&B, told of a step when a checkpoint holds it: a run that goes on would log what was not saved twice."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.rows: list[tuple[Mapping[str, Any], int | None]] = []
        self.saved = 0

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Hold a row back; pictures come here too. The training's row of an epoch comes after that epoch was saved."""
        if step is not None and step < self.saved:
            super().log_metrics(metrics, step)
        else:
            self.rows.append((metrics, step))

    def release(self, steps: int) -> None:
        """Send what was held back: a checkpoint of so many steps is there."""
        self.saved = steps
        for metrics, step in self.rows:
            super().log_metrics(metrics, step)
        self.rows = []

    def finalize(self, status: str) -> None:
        """What is left at the end of a training or test is there to stay, unless it failed."""
        if status == "success":
            self.release(self.saved)
        super().finalize(status)
