"""Callbacks of Lightning and one's own: what they do is done, and their state is kept."""

import csv
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import leave_at_epoch
from stranger.brought import WORDS, Bring, Brought, bring, refused  # noqa: F401

from fcnlab.callbacks.history import History
from fcnlab.task.segmentation import SegmentationTask

WEIGHT = "net.score_fr.weight"


def state(run: Brought, callback: str) -> dict[str, Any]:
    (found,) = (value for key, value in run.last()["callbacks"].items() if callback in key)
    return found


def test_a_moving_average_is_validated_tested_and_kept(bring: Bring) -> None:  # noqa: F811
    run = bring("callbacks=[ema,remember]", "callbacks.ema.decay=0.5", "epochs=2")
    average, *others = state(run, "Remember")["seen"]
    for weight in others:
        average = 0.5 * average + 0.5 * weight
    torch.testing.assert_close(run.last()["state_dict"][WEIGHT], average)
    assert not torch.equal(run.last()["current_model_state"][WEIGHT], average)
    logits, mask = run.outputs("val")
    told = torch.nn.functional.cross_entropy(logits, mask, ignore_index=255).item()
    assert run.value["val/loss"] == pytest.approx(told, rel=1e-5)


@pytest.mark.slow
def test_swa_is_the_mean_of_the_last_weights(bring: Bring) -> None:  # noqa: F811
    run = bring("callbacks=[swa,remember]", "callbacks.swa.start=0.5", "epochs=3", "model.backbone.batch_norm=true")
    seen = state(run, "Remember")["seen"]
    assert len(seen) == 6
    torch.testing.assert_close(run.last()["state_dict"][WEIGHT], torch.stack(seen[3:]).mean(0))
    assert not torch.equal(run.last()["current_model_state"][WEIGHT], seen[3])
    first = bring("callbacks=[swa,remember]", "callbacks.swa.start=0.9", "epochs=1")  # before it begins: the weights
    torch.testing.assert_close(first.last()["state_dict"][WEIGHT], state(first, "Remember")["seen"][-1])


def test_five_at_once_do_what_they_are_for(bring: Bring) -> None:  # noqa: F811
    run = bring("callbacks=several", "logger=csv", "epochs=2", "scheduler=constant", "trainer.log_every_n_steps=1")
    assert run.last()["global_step"] == 2  # of four batches: gradients of two are accumulated
    assert state(run, "CountBatches") == {"batches": 104}
    assert state(run, "Timer")["time_elapsed"]["train"] > 0
    (table,) = Path("runs/csv").rglob("metrics.csv")
    with table.open() as file:
        columns = set(next(csv.reader(file)))
    assert any(name.startswith("lr-") for name in columns)
    assert any("cpu_percent" in name for name in columns)


def test_the_best_weights_are_those_validated_whatever_comes_after(bring: Bring) -> None:  # noqa: F811
    run = bring("callbacks=[shrink,second]", "trainer.enable_progress_bar=true")  # a bar needs a terminal: none here
    logits, mask = run.outputs("val")
    told = torch.nn.functional.cross_entropy(logits, mask, ignore_index=255).item()
    assert run.value["val/loss"] == pytest.approx(told, rel=1e-5)
    kept = torch.load(run.folder / "checkpoints" / "lowest" / "lowest.ckpt", weights_only=True)
    best = torch.load(run.best, weights_only=True)
    assert torch.equal(kept["state_dict"][WEIGHT], 0.5 * best["state_dict"][WEIGHT])  # Lightning's keeps the shrunk


RECIPE = ("callbacks=[ema,mine]", "scheduler=plateau", "scheduler.scheduler.patience=0", "metrics=dice", "epochs=4")


@pytest.mark.slow
def test_killed_with_an_average_a_plateau_and_a_metric_it_ends_equal_to_the_bit(
    bring: Bring,  # noqa: F811
    command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = bring(*RECIPE, runs="whole")
    with monkeypatch.context() as patch:
        patch.setattr(History, "on_train_epoch_end", leave_at_epoch(3))
        assert command("train", *WORDS, *RECIPE, "runs_dir=cut").code == 1
    same(bring(*RECIPE, runs="cut"), whole)


@pytest.mark.slow
def test_an_optimiser_of_two_modes_is_scored_in_one_and_goes_on_to_the_bit(
    bring: Bring,  # noqa: F811
    command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = ("optim.optimizer._target_=mylab.TwoFaced", "optim.optimizer.fused=false", "epochs=2", "callbacks=remember")
    whole = bring(*words, runs="whole")
    logits, mask = whole.outputs("val")
    told = torch.nn.functional.cross_entropy(logits, mask, ignore_index=255).item()
    assert whole.value["val/loss"] == pytest.approx(told, rel=1e-5)
    learnt = state(whole, "Remember")["seen"][-1]
    torch.testing.assert_close(whole.last()["state_dict"][WEIGHT], learnt - 0.5)
    with monkeypatch.context() as patch:
        patch.setattr(History, "on_train_epoch_end", leave_at_epoch(2))
        assert command("train", *WORDS, *words, "runs_dir=cut").code == 1
    again = bring(*words, runs="cut")
    assert "Going on from" in again.text
    torch.testing.assert_close(again.last()["state_dict"], whole.last()["state_dict"], rtol=0, atol=0)


@pytest.mark.slow
def test_killed_in_a_validation_of_averaged_weights_it_ends_equal_to_the_bit(
    bring: Bring,  # noqa: F811
    command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words, keep, calls = (*RECIPE, "data.batch_size=2"), SegmentationTask.validation_step, []
    whole = bring(*words, runs="whole")

    def validation_step(self: SegmentationTask, batch: Any, index: int) -> Any:
        calls.append(index)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return keep(self, batch, index)

    with monkeypatch.context() as patch:
        patch.setattr(SegmentationTask, "validation_step", validation_step)
        assert command("train", *WORDS, *words, "runs_dir=cut").code == 1
    assert len(calls) == 3
    same(bring(*words, runs="cut"), whole)


def same(one: Brought, other: Brought) -> None:
    assert "Going on from" in one.text
    assert one.value == other.value
    assert one.history == other.history
    for part in ("state_dict", "current_model_state", "averaging_state"):
        for name, tensor in one.last()[part].items():
            assert torch.equal(tensor, other.last()[part][name]), name
    assert one.last()["lr_schedulers"] == other.last()["lr_schedulers"]
    assert state(one, "CountBatches") == state(other, "CountBatches")


@pytest.mark.slow
def test_what_would_have_no_effect_is_refused(refused) -> None:  # noqa: F811
    late = "{_target_: lightning.pytorch.callbacks.StochasticWeightAveraging, swa_lrs: 0.1}"
    assert "Take callbacks=swa" in refused(f"+callbacks.x={late}")
    assert "It must be a Lightning Callback" in refused("+callbacks.x={_target_: builtins.dict}")
    for name in ("BatchSizeFinder", "LearningRateFinder"):
        assert "behind the config. Set" in refused(f"+callbacks.x={{_target_: lightning.pytorch.callbacks.{name}}}")
    failed = "{_target_: lightning.pytorch.callbacks.OnExceptionCheckpoint, dirpath: .}"
    assert "would let the next training begin from what it kept of a failed one" in refused(f"+callbacks.x={failed}")
    stopping = "{_target_: lightning.pytorch.callbacks.EarlyStopping, monitor: val/mean_iou}"
    assert "callbacks.x: mode=min takes the worst val/mean_iou for the best: the higher" in refused(
        f"+callbacks.x={stopping}"
    )
    twice = "{_target_: lightning.pytorch.callbacks.ModelCheckpoint}"
    told = refused(f"+callbacks.x={twice}", f"+callbacks.y={twice}")
    assert "The Trainer refuses its callbacks: Found more than one stateful callback of type `ModelCheckpoint`" in told
    told = refused("callbacks=several", "scheduler=constant")
    assert "Lightning refuses: Cannot use `DeviceStatsMonitor` callback with `Trainer(logger=False)`" in told
