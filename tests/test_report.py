"""What a person reads: fractions in percent, losses as they are."""

import pytest

from fcnlab.report import say, score_table, show_jobs


def test_scores_are_shown_in_percent_and_losses_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    score_table("a run", {"test/loss": 0.51234, "test/mean_iou": 0.78716})
    text = capsys.readouterr().out
    assert "0.5123" in text
    assert "78.72 %" in text


def test_jobs_are_listed_with_their_outcome(capsys: pytest.CaptureFixture[str]) -> None:
    show_jobs([(["seed=0"], None), (["seed=1"], ValueError("x"))])
    text = capsys.readouterr().out
    assert "2 jobs" in text
    assert "done" in text
    assert "failed: ValueError" in text


def test_brackets_of_a_message_are_not_markup(capsys: pytest.CaptureFixture[str]) -> None:
    say("skips=[pool4]")
    assert "skips=[pool4]" in capsys.readouterr().out
