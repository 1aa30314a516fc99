"""From conf/logger to loggers: several at once, each told what it takes of the run's name, folder and number."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger

from fcnlab.cli.compose import build_given
from fcnlab.cli.signature import taken
from fcnlab.cli.terminal import is_first_process
from fcnlab.error import UserError, kind, raised
from fcnlab.logger.server import HINT, why_unreachable
from fcnlab.run.record import Run

NAMES = ("name", "run_name", "experiment_key")  # what loggers call the name of a run


def build_loggers(settings: Mapping[str, Any] | None, run: Run) -> list[Logger]:
    """The loggers that conf/logger describes, by name; a run keeps its number in each over restarts."""
    loggers = []
    for name, node in (settings or {}).items():
        if node is None:  # taken out: logger.csv=null
            continue
        Path(run.folder).mkdir(parents=True, exist_ok=True)
        ids = run.record.get("logger_ids", {})
        offered = dict.fromkeys(NAMES, run.name) | {"run_id": ids.get(name)}
        refuse_unreachable(name, node)
        accepted = taken(node["_target_"]).keywords
        takes_run = "run" in accepted  # and finds its name there
        try:
            logger = build_given(node, {"run": run} if takes_run else offered)
        except UserError:
            raise
        except Exception as error:  # whatever a service raises that is not there
            raise UserError(f"logger.{name} does not begin: {raised(error)}. {HINT}") from error
        if not isinstance(logger, Logger):
            raise UserError(f"logger.{name} builds {kind(logger)}. It must be a Logger of lightning.pytorch.")
        if "run_id" in accepted:  # MLflow's: a run that goes on is the same run there
            run.write(logger_ids=ids | {name: getattr(logger, "run_id", None)})
        refuse_unwritable(name, getattr(logger, "save_dir", None))
        loggers.append(logger)
    return loggers


def refuse_unreachable(name: str, node: Mapping[str, Any]) -> None:
    """Raise UserError where a setting of a logger is the address of a server that does not answer."""
    for key, value in node.items():
        address = str(value)
        if address.startswith(("http://", "https://")) and is_first_process() and (why := why_unreachable(address)):
            raise UserError(
                f"logger.{name}.{key}: {why}. Start the server, mend the address, or set logger=none: history.csv has "
                "the scores of every epoch all the same."
            )


def refuse_unwritable(name: str, folder: str | Path | None) -> None:
    """Raise UserError where a logger could not write: it would tell so after the first epoch, or never."""
    if not folder or not is_first_process():
        return
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise UserError(
            f"logger.{name} cannot write to {folder}: {error}. Set its folder (logger.{name}.save_dir=...), or "
            "logger=none: history.csv has the scores of every epoch all the same."
        ) from error


def send_result(loggers: Sequence[Logger], run: Run) -> None:
    """Tell the result to the loggers that keep a summary."""
    for logger in loggers:
        if hasattr(logger, "send_result") and is_first_process():
            logger.send_result(run)
