"""``ckpt_path``: a run that goes on from the last.ckpt of another one, its weights and its state."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning as L

from fcnlab.cli.annotation import spell
from fcnlab.cli.terminal import is_first_process, say
from fcnlab.error import UserError
from fcnlab.model.checkpoint import load_checkpoint
from fcnlab.run.record import Run
from fcnlab.task.build import describe_mismatch


def take_over(run: Run, task: L.LightningModule) -> Path | None:
    """Copy another run's last.ckpt, and its best.ckpt, as if ``run`` had made them; None without ``ckpt_path``.

    Raises UserError where the file holds weights only, where the best that its score is of is not beside it, or where
    its state would not fit the net, or would silently overwrite what is set for optimiser and schedule.
    """
    if run.config["ckpt_path"] is None:
        return None
    given = Path(run.config["ckpt_path"]).expanduser()
    content = load_checkpoint(given, build=())
    if "optimizer_states" not in content:
        raise UserError(f"ckpt_path={given} holds weights only, no state of a training. Start from weights={given}.")
    refuse_other_training(given, content, run.config, task)
    last, best = run.folder / "checkpoints" / "last.ckpt", given.with_name("best.ckpt")
    if run.config["score"] == "best" and not best.is_file():
        raise UserError(
            f"ckpt_path={given} goes on with the best score of its run, but {best}, which has it, is missing. Put it "
            "there, or set score=last."
        )
    if is_first_process():
        last.parent.mkdir(parents=True, exist_ok=True)
        for source, copy in ((best, last.with_name("best.ckpt")), (given, last)):
            if source.is_file():
                aside = copy.with_name(f".{copy.name}.aside")
                shutil.copyfile(source, aside)
                aside.replace(copy)
    say(f"ckpt_path={given}: this run goes on from step {content['global_step']}, epoch {content['epoch']} of another.")
    return last


def refuse_other_training(
    given: Path, content: Mapping[str, Any], config: Mapping[str, Any], task: L.LightningModule
) -> None:
    """Raise UserError where the state of a training does not fit, or would overwrite what ``config`` sets."""
    if wrong := describe_mismatch(task, content["state_dict"]):
        raise UserError(f"ckpt_path={given} holds another net: {wrong}. Set model=... as it was there.")
    before = content["fcnlab"]["config"]
    for group in ("optim", "scheduler"):  # whose state brings the rates back too
        for key in before[group].keys() | config[group].keys():
            was, now = before[group].get(key), config[group].get(key)
            if was != now:
                raise UserError(
                    f"{group}.{key}={spell(now)} would be overwritten by the state in ckpt_path={given}, where it is "
                    f"{spell(was)}. Set it so, or begin anew from those weights: weights={given}."
                )
    done, epochs = (
        content["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"],
        config["trainer"]["max_epochs"],
    )
    if epochs not in (None, -1) and done >= epochs:
        raise UserError(
            f"ckpt_path={given} has {done} epochs behind it, so that epochs={epochs} leaves nothing to train. Set "
            f"more, or test it: train=false weights={given}."
        )
