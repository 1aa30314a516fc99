"""What a validation does not log or cannot count is told before the first epoch."""

from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Command
from stranger.brought import WORDS, refused  # noqa: F401
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from fcnlab.run.files import read_json
from fcnlab.task.segmentation import SegmentationTask

UNKNOWN = {
    "monitor.metric": ["monitor.metric=val/mean_iu"],
    "scheduler.monitor": ["scheduler=plateau", "scheduler.monitor=val/mean_iu"],
    "callbacks.lowest.monitor": ["callbacks=second", "callbacks.lowest.monitor=val/mean_iu", "callbacks.bar=null"],
}


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    """No step of a training is made."""

    def step(*_: Any) -> None:
        raise AssertionError("trained")

    monkeypatch.setattr(SegmentationTask, "training_step", step)


@pytest.mark.parametrize("setting", UNKNOWN)
def test_a_score_that_nobody_logs_is_told_before_the_training(setting: str, refused, untrained: None) -> None:  # noqa: F811
    told = refused(*UNKNOWN[setting])
    assert f"{setting}=val/mean_iu is not among what SegmentationTask logs in a validation. Did you mean" in told
    assert "val/mean_iou" in told


def test_a_metric_that_takes_no_labels_is_told_before_the_training(refused, untrained: None) -> None:  # noqa: F811
    told = refused("metrics=six", "metrics.dice_score.input_format=one-hot")
    assert "metrics.dice_score (DiceScore) does not take predicted and true labels" in told


def test_trying_a_validation_changes_neither_scores_nor_images(command: Command) -> None:
    found = []
    for tried in (0, 1):
        words = (*WORDS, f"trainer.num_sanity_val_steps={tried}", f"runs_dir=runs{tried}", "logger=tensorboard")
        assert command("train", *words).code == 0
        (run,) = Path(f"runs{tried}").glob("shapes-*")
        (folder,) = Path(f"runs{tried}/tensorboard").iterdir()
        board = EventAccumulator(str(folder), size_guidance={"images": 0})
        board.Reload()
        images = {tag: [image.step for image in board.Images(tag)] for tag in board.Tags()["images"]}
        assert images
        scores = read_json(run / "metrics.json")
        found.append((scores, images, torch.load(run / "checkpoints/last.ckpt", weights_only=True)["state_dict"]))
    torch.testing.assert_close(*found, rtol=0, atol=0)
