"""``ckpt_path``: a run that goes on from the last.ckpt of another one, its weights and its state."""

import shutil
from pathlib import Path

from fcnlab.cli.terminal import is_first_process, say
from fcnlab.error import UserError
from fcnlab.model.checkpoint import load_checkpoint
from fcnlab.run.record import Run


def take_over(run: Run) -> Path | None:
    """Copy another run's last.ckpt, and its best.ckpt, as if ``run`` had made them; None without ``ckpt_path``.

    Raises UserError where the file holds weights only, or where the best that its score is of is not beside it.
    """
    if run.config["ckpt_path"] is None:
        return None
    given = Path(run.config["ckpt_path"]).expanduser()
    content = load_checkpoint(given, build=())
    if "optimizer_states" not in content:
        raise UserError(f"ckpt_path={given} holds weights only, no state of a training. Start from weights={given}.")
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
