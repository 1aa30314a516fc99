"""A loss that is no number stops a training, with what to look at; what is skipped is counted."""

import json
from collections import Counter
from pathlib import Path

import pytest
import torch
from conftest import TINY, Command

from fcnlab.callbacks.skipped_images import SkippedImages
from fcnlab.cli.compose import compose, plain
from fcnlab.run.record import Run
from fcnlab.task.segmentation import SegmentationTask


@pytest.mark.parametrize("after", [1, 3])
def test_a_loss_that_is_no_number_stops_the_training_and_the_last_good_checkpoint_stays(
    command: Command, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fcnlab.loss.cross_entropy import CrossEntropy

    terms, calls = CrossEntropy.terms, Counter[str]()

    def spoilt(self, logits, mask):
        calls["loss"] += 1
        (term,) = terms(self, logits, mask).values()
        return {"": term._replace(total=term.total * (float("nan") if calls["loss"] > after else 1.0))}

    monkeypatch.setattr(CrossEntropy, "terms", spoilt)
    outcome = command("train", *TINY, "data.batch_size=4", "checkpoint.every_n_steps=1")
    assert outcome.code == 1
    assert f"The loss is nan at step {after + 1}, epoch 0" in outcome.text
    assert outcome.text.count("train_000") == 4  # the images of that batch
    assert "), more scheduler.warmup, trainer.gradient_clip_val=1 or trainer.precision=32-true" in outcome.text
    assert "Traceback" not in outcome.text
    (run,) = Path("runs").glob("shapes-*")
    last = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["global_step"] == after
    assert all(torch.isfinite(weight).all() for weight in last["state_dict"].values() if weight.is_floating_point())
    assert json.loads((run / "record.json").read_text())["status"] == "failed"


@pytest.mark.parametrize("epoch", [0, 1])
def test_weights_that_are_no_numbers_get_into_no_checkpoint(
    command: Command, epoch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def last_step_overflows(task, outputs, batch, batch_idx):
        if task.current_epoch == epoch and batch_idx == 3:
            torch.nn.init.constant_(task.net.score_fr.bias, float("nan"))

    monkeypatch.setattr(SegmentationTask, "on_train_batch_end", last_step_overflows)
    outcome = command("train", *TINY, "epochs=2", "data.batch_size=4")
    assert outcome.code == 1
    assert f"The weights hold NaN or infinity after step {4 * epoch + 4}, epoch {epoch}" in outcome.text
    assert "in net.score_fr.bias. Weights must be finite. Try a lower optim.lr" in outcome.text
    assert "Traceback" not in outcome.text
    (run,) = Path("runs").glob("shapes-*")
    assert json.loads((run / "record.json").read_text())["status"] == "failed"
    kept = list((run / "checkpoints").glob("*")) if (run / "checkpoints").is_dir() else []
    assert {path.name for path in kept} == ({"best.ckpt", "last.ckpt"} if epoch else set())
    for path in kept:
        assert torch.load(path, weights_only=True)["state_dict"]["net.score_fr.bias"].isfinite().all()


def test_too_high_a_rate_is_told_as_such(command: Command) -> None:
    outcome = command("train", *TINY, "optim.lr=1e30", "scheduler.warmup=0", "data.batch_size=4")
    assert outcome.code == 1
    assert "lower optim.lr (it is 1e+30)" in outcome.text


def test_what_was_skipped_is_kept_over_a_restart(tmp_path: Path) -> None:
    run = Run(plain(compose("train", [f"runs_dir={tmp_path}"])))
    first, second = SkippedImages(run), SkippedImages(run)
    first.on_train_batch_end(None, None, None, {"skipped": ["a is cut", "b is cut", "a is cut"]}, 0)
    second.load_state_dict(first.state_dict())
    second.on_train_batch_end(None, None, None, {"skipped": ["a is cut"]}, 1)
    assert second.state_dict() == {"counts": {"a is cut": 3, "b is cut": 1}}


def test_what_another_process_skipped_in_mid_epoch_is_kept_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    callback = SkippedImages(Run(plain(compose("train", [f"runs_dir={tmp_path}"]))))
    callback.on_train_batch_end(None, None, None, {"skipped": ["a is cut"]}, 0)
    monkeypatch.setattr(
        "fcnlab.callbacks.skipped_images.gather", lambda own: [own, Counter({"a is cut": 1, "b is cut": 2})]
    )
    assert callback.state_dict() == {"counts": {"a is cut": 2, "b is cut": 2}}
