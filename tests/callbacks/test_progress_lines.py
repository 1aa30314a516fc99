"""Where there is no terminal, lines tell how far a command is."""

import re
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from conftest import TINY, Command, Trained

from fcnlab.callbacks import progress_lines


def test_a_training_has_a_line_per_epoch_with_what_one_looks_for(command: Command) -> None:
    text = command("train", *TINY, "epochs=2", "data.batch_size=4").text
    found = re.findall(r"^epoch (\d)/2  step (\d)/8  loss [\d.]+  val/mean_iou 0\.\d+  [\d.]+ images/s  [\d:]+ left$", text, re.M)  # fmt: skip  # noqa: E501
    assert found == [("1", "4"), ("2", "8")]
    assert "Testing on 2 batches." in text


def test_a_line_within_an_epoch_has_the_loss_of_its_step_and_no_score_of_the_last_epoch(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress_lines, "PAUSE", -1)
    text = command("train", *TINY, "epochs=2", "data.batch_size=4").text
    found = re.findall(r"^epoch \d/2  step (\d)/8  loss ([\d.]+)  (val/mean_iou)?", text, re.M)
    steps = {int(step): float(loss) for step, loss, score in found if not score}
    epochs = {int(step): float(loss) for step, loss, score in found if score}
    assert [*steps] == [*range(1, 9)]
    assert epochs == pytest.approx({4: np.mean([steps[i] for i in range(1, 5)]), 8: np.mean([steps[i] for i in range(5, 9)])}, rel=1e-3)  # fmt: skip  # noqa: E501


def test_long_tests_and_predictions_tell_how_far_they_are(
    command: Command, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = f"checkpoint={trained.checkpoint}"
    random = np.random.default_rng(0)
    Path("photos").mkdir()
    for i in range(3):
        PIL.Image.fromarray(random.integers(0, 255, (40, 40, 3), dtype=np.uint8)).save(f"photos/{i}.png")
    quiet = command("predict", known, "images=photos", "output=out").text
    assert "prediction" not in quiet  # it took no half minute
    monkeypatch.setattr(progress_lines, "PAUSE", -1)
    lines = command("predict", known, "images=photos", "output=out").text
    assert re.findall(r"^prediction (\d)/3  [\d:]+ left$", lines, re.M) == ["1", "2", "3"]
    lines = command("evaluate", known, "data.batch_size=4").text
    assert re.findall(r"^test (\d)/2  [\d:]+ left$", lines, re.M) == ["1", "2"]
    lines = command("train", *TINY, "trainer=smoke", "seed=3").text
    assert "validation 1/1" in lines
    assert lines.count("left\n") >= 3


def test_a_terminal_has_the_bar_and_no_lines(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_lines, "has_terminal", lambda: True)
    monkeypatch.setattr("fcnlab.trainer.callbacks.has_terminal", lambda: True)
    monkeypatch.setattr("fcnlab.trainer.build.has_terminal", lambda: True)
    bar = [word for word in TINY if "progress_bar" not in word]
    text = command("train", *bar, "trainer=smoke").text
    assert not re.search(r"^epoch 1/1  step", text, re.M)
    assert not re.search("^Testing on", text, re.M)


def test_seconds_are_told_as_a_clock_does() -> None:
    assert [progress_lines.as_time(s) for s in (0, 59.6, 61, 3661)] == ["0:00", "1:00", "1:01", "1:01:01"]
