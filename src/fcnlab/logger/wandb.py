"""Weights & Biases: offline where it cannot be reached, one run over all restarts."""

import contextlib
import importlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import platformdirs
from lightning.pytorch.loggers import WandbLogger

from fcnlab.cli.terminal import is_first_process, say
from fcnlab.error import UserError, raised
from fcnlab.logger.server import HINT, why_unreachable
from fcnlab.run.record import Run

LIMIT = 60  # seconds; W&B's own limit is 30
SETTLED = 2  # seconds without a write, of a process that writes each second
ADDED = ("trainer/global_step", "_step", "_runtime", "_timestamp", "_wandb")  # to a row, on its way to the disk


def why_offline(wandb: ModuleType) -> str:
    """Why W&B cannot be written to now; empty if it can. W&B itself would try for a minute and a half."""
    if not is_logged_in(wandb):
        return "nobody is logged in (wandb login)"
    settings = wandb.Settings()
    settings.update_from_env_vars(os.environ)  # WANDB_BASE_URL: a server of one's own
    return why_unreachable(settings.base_url)


def is_logged_in(wandb: ModuleType) -> bool:
    """Whether there is a key. Newer versions of W&B warn about ``wandb.api``, earlier ones have no other way."""
    wandb.termsetup(wandb.Settings(silent=True), None)
    return bool(wandb.api.api_key)


def writable(folder: Path) -> Path:
    """The folder, made if need be. W&B itself would write to a temporary one. Raises UserError where it cannot be."""
    try:
        (folder / "wandb").mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder / "wandb").close()
    except OSError as error:
        raise UserError(f"W&B cannot write to {folder} (logger.wandb.save_dir): {error}. {HINT}") from error
    try:
        tempfile.TemporaryFile(dir=platformdirs.user_cache_dir("wandb", ensure_exists=True)).close()
    except OSError:  # no home: W&B's own process would write its log, a hundred lines, to the terminal
        os.environ.setdefault("WANDB_CACHE_DIR", str(folder / "wandb" / ".cache"))
    return folder


def start_process(wandb: ModuleType, settings: Any) -> None:
    """Start W&B's own process, for which nothing waits longer than ``LIMIT``.

    Raises:
        UserError: it does not start: a disk without execution, a slow machine, a binary for another system.
    """
    errors = list[BaseException]()

    def start() -> None:
        try:
            with contextlib.suppress(ImportError):  # wandb 0.31 would wait for its own lock to report that it failed
                importlib.import_module("wandb.analytics").get_telemetry_recorder()
            wandb.setup(settings)
            wandb.termsetup(settings, None)  # what was set up for the recorder is not silent
        except BaseException as error:
            errors.append(error)

    starting = threading.Thread(target=start, daemon=True)
    starting.start()
    starting.join(LIMIT)
    if starting.is_alive() or errors:
        reason = raised(errors[0]) if errors else f"it did not answer within {LIMIT} s"
        problem = f"W&B's own process (wandb-core) does not start: {reason}. {HINT}"
        raise UserError(problem) from next(iter(errors), None)


class ResumableWandbLogger(WandbLogger):
    """Lightning's W&B logger for a run that may be killed and go on: rows arrive at once, and none arrives twice.

    A run that goes on repeats the steps since its last checkpoint, bit for bit. W&B keeps each start of a run as a part
    of its own, in a file on this disk; what the earlier parts hold is not logged again.

    Args:
        run: gives name, config, and the W&B id that stays the same over restarts.
        save_dir: the folder that holds ``wandb/``, one for all runs, so that ``wandb leet`` shows them side by side.
        offline: keep everything on this disk.
        settings: the others are ``wandb.init``'s own.
    """

    def __init__(self, *, run: Run, save_dir: str, offline: bool = True, **settings: Any) -> None:
        import wandb

        if not offline and (problem := why_offline(wandb)):
            rows = Path(save_dir).expanduser() / "wandb" / "offline-run-*"
            say(f"W&B: {problem}, so this run is logged offline; send it with: wandb sync --yes {rows}")
            offline = True
        # W&B's own process may have started in another folder.
        folder = writable(Path(save_dir).expanduser().resolve())
        # Before the run: Lightning's WandbLogger passes an argument that wandb warns about.
        start_process(wandb, wandb.Settings(silent=True, mode="offline" if offline else "online"))
        run_id = run.record.get("wandb_id") or secrets.token_hex(4)
        run.write(wandb_id=run_id)
        own = wandb.Settings(console="off", silent=True)
        if "x_transaction_log_flush_interval" in wandb.Settings.model_fields:
            own.x_transaction_log_flush_interval = 1.0  # seconds of rows that a power cut may take; W&B's own is 15
        self.before = logged_rows(folder, run_id) if run.last_checkpoint else set()
        more: dict[str, Any] = {"offline": offline, "version": run_id, "settings": own}
        super().__init__(name=run.name, save_dir=str(folder), **more, **settings)
        if is_first_process():
            try:
                started = self.experiment
            except Exception as error:
                raise UserError(f"W&B cannot begin the run: {raised(error)}. {HINT}") from error
            started.config.update(run.config, allow_val_change=True)
            monitor = run.config["monitor"]
            self.experiment.define_metric(monitor["metric"], summary=monitor["mode"])

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Log a row, unless an earlier part of the run holds it."""
        if (step, frozenset(metrics)) not in self.before:
            super().log_metrics(metrics, step)

    def send_result(self, run: Run) -> None:
        """Let W&B's summary say what metrics.json says; that of a run that went on would forget its earlier parts."""
        monitor = run.config["monitor"]
        seen = [row[monitor["metric"]] for row in run.history() if monitor["metric"] in row]
        best = {monitor["metric"]: {monitor["mode"]: (max if monitor["mode"] == "max" else min)(seen)}} if seen else {}
        self.experiment.summary.update(run.metrics() | best)


def logged_rows(folder: Path, run_id: str) -> set[tuple[int | None, frozenset[str]]]:
    """Step and keys of every row that the parts of a W&B run hold on this disk."""
    rows = set()
    for part in sorted((folder / "wandb").glob(f"*run-*-{run_id}")):
        wait_until_written(part)
        call = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(part)]
        try:
            lines = subprocess.run(call, capture_output=True, text=True, timeout=120, check=True).stdout.splitlines()
        except (OSError, subprocess.SubprocessError) as error:
            say(f"W&B: {part} cannot be read ({type(error).__name__}), so its last steps may be logged twice.")
            continue
        for line in lines:
            record = json.loads(line)
            if record.get("type") == "history":
                item = record["history"]["item"]
                rows.add((item.get("trainer/global_step"), frozenset(logged_keys(item))))
    return rows


def wait_until_written(part: Path) -> None:
    """Wait while W&B's process of a run that was killed just now still writes; for ten seconds at most."""
    for _ in range(50):
        newest = max((file.stat().st_mtime for file in part.glob("*.wandb")), default=0.0)
        if not 0 <= time.time() - newest < SETTLED:
            return
        time.sleep(0.2)


def logged_keys(item: Mapping[str, Any]) -> set[str]:
    """The keys of a row as they were logged: W&B spreads an image over ``key._type``, ``key.path`` and more."""
    spread = tuple(key.removesuffix("._type") for key in item if key.endswith("._type"))
    keys = {next((base for base in spread if key.startswith(f"{base}.")), key) for key in item}
    return keys - set(ADDED)
