"""A run that goes on from another's last.ckpt ends as if it had been one run."""

from pathlib import Path

import pytest
import torch
from conftest import TINY, Command, Trained

CONSTANT = (
    *(word for word in TINY if word != "epochs=1"),
    *("scheduler=constant", "scheduler.warmup=0"),  # val/mean_iou stays what it is, so that the first epoch is best
)


def only(folder: str) -> Path:
    (run,) = Path(folder).glob("shapes-*")
    return run


@pytest.mark.slow
def test_a_longer_training_goes_on_from_the_weights_and_the_state(command: Command) -> None:
    for words in (("epochs=1", "runs_dir=short"), ("epochs=2", "runs_dir=whole")):
        assert command("train", *CONSTANT, *words).code == 0
    last = only("short") / "checkpoints" / "last.ckpt"
    outcome = command("train", *CONSTANT, "epochs=2", f"ckpt_path={last}", "runs_dir=on")
    assert outcome.code == 0, outcome.text
    assert "goes on from step 2, epoch 0 of another" in outcome.text
    one, other = (torch.load(only(name) / "checkpoints" / "last.ckpt", weights_only=True) for name in ("on", "whole"))
    for name, tensor in one["state_dict"].items():
        assert torch.equal(tensor, other["state_dict"][name]), name
    best = torch.load(only("on") / "checkpoints" / "best.ckpt", weights_only=True)
    assert best["epoch"] == 0  # the other run's
    assert (only("on") / "metrics.json").read_text() == (only("whole") / "metrics.json").read_text()
    assert (only("on") / "history.csv").read_text() == (only("whole") / "history.csv").read_text()
    assert only("on").name != only("whole").name  # another result, for all that the name knows


def test_weights_alone_and_a_best_that_is_lost_are_refused(trained: Trained, command: Command, tmp_path: Path) -> None:
    outcome = command("train", *TINY, "epochs=2", f"ckpt_path={trained.checkpoint}")
    assert "holds weights only, no state of a training. Start from weights=" in outcome.text
    alone = tmp_path / "last.ckpt"
    alone.write_bytes((trained.folder / "checkpoints" / "last.ckpt").read_bytes())
    outcome = command("train", *TINY, "epochs=2", f"ckpt_path={alone}")
    assert outcome.code == 1
    assert "best.ckpt, which has it, is missing. Put it there, or set score=last" in outcome.text


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["epochs=1", "seed=1"], "has 1 epochs behind it, so that epochs=1 leaves nothing to train"),
        (["epochs=2", "model=fcn32s"], "holds another net: net.score_pool4.weight is unknown"),
        (["epochs=2", "optim.lr=0.1"], "optim.lr=0.1 would be overwritten by the state in ckpt_path="),
        (["epochs=2", "scheduler=poly"], "would be overwritten by the state in ckpt_path="),
        (["epochs=2"], "goes by a schedule over 2 steps, but this training has 4"),  # behind its end the rate stays 0
    ],
)
def test_a_state_that_would_not_fit_or_would_overwrite_what_is_set_is_refused(
    words: list[str], told: str, trained: Trained, command: Command
) -> None:
    own = [word for word in TINY if word != "epochs=1"]
    outcome = command("train", *own, *words, f"ckpt_path={trained.folder}/checkpoints/last.ckpt")
    assert outcome.code == 1
    assert told in outcome.text
    assert "Traceback" not in outcome.text


@pytest.mark.parametrize(
    "rate",
    [
        ["scheduler=plateau", "monitor.metric=val/loss", "monitor.mode=min"],  # its warm-up is over
        ["scheduler.scheduler={_target_: torch.optim.lr_scheduler.StepLR, _partial_: true, step_size: 1}"],
    ],
)
def test_a_schedule_without_an_end_goes_on_over_more_epochs(rate: list[str], command: Command) -> None:
    words = [*(word for word in TINY if not word.startswith(("epochs", "scheduler"))), *rate]
    assert command("train", *words, "epochs=1").code == 0
    outcome = command("train", *words, "epochs=2", "runs_dir=on", f"ckpt_path={only('runs')}/checkpoints/last.ckpt")
    assert outcome.code == 0, outcome.text
    assert torch.load(only("on") / "checkpoints" / "last.ckpt", weights_only=True)["epoch"] == 1


@pytest.mark.parametrize("way", ["weights", "ckpt_path"])
def test_a_net_is_only_tested(way: str, trained: Trained, command: Command) -> None:
    file = trained.checkpoint if way == "weights" else f"{trained.folder}/checkpoints/best.ckpt"
    outcome = command("train", *TINY, "train=false", f"{way}={file}")
    assert outcome.code == 0, outcome.text
    tested = {key: value for key, value in outcome.value.items() if key.startswith(("test/", "val/"))}
    assert tested == {key: trained.value[key] for key in tested}
    assert (only("runs") / "counts.npz").is_file()
