"""What a person reads: fractions in percent, losses as they are."""

import io
import sys

import pytest

from fcnlab.cli.terminal import open_streams, say, show_table
from fcnlab.run.tables import score_table
from fcnlab.sweep.jobs import Job
from fcnlab.sweep.tables import show_jobs


def test_scores_are_shown_in_percent_and_losses_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    shown = {"test/loss": "0.5123", "test/loss/main": "0.5123", "val_loss": "0.5123", "test/iou/loss": "51.23 %"}
    score_table("a run", dict.fromkeys([*shown, "test/mean_iou"], 0.51234))
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()[2:]]
    assert {key: value.strip() for key, value in filter(None, lines)} == shown | {"test/mean_iou": "51.23 %"}


def test_a_class_called_loss_is_a_score_and_a_part_of_a_loss_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    score_table("a run", {"test/iou/loss": 0.25, "test/loss/dice": 1.25, "test/geometric/loss": 0.5})
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[2:]]
    assert rows == [
        ["test/iou/loss", "25.00", "%"],
        ["test/loss/dice", "1.2500"],
        ["test/geometric/loss", "0.5000"],
    ]


def test_jobs_are_listed_by_what_sets_them_apart_with_outcome_and_score(capsys: pytest.CaptureFixture[str]) -> None:
    show_jobs(
        [
            Job(["epochs=1", "skips=[a]"], "done", "test/mean_iou", 0.12345),
            Job(["epochs=1", "skips=[]"], "failed", message="no such thing"),
            Job(["epochs=1", "seed=1"], "other code", "test/mean_iou", 0.5),
        ]
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].strip() == "3 jobs"
    assert lines[1].split() == ["job", "outcome", "test/mean_iou"]
    assert lines[2].split() == ["skips=[a]", "done", "12.35", "%"]
    assert lines[3].split() == ["skips=[]", "failed:", "no", "such", "thing"]
    assert lines[4].split() == ["seed=1", "other", "code", "50.00", "%"]
    assert "rerun=changed" in lines[5]
    assert "1 not finished" in lines[6]


def test_a_title_stands_on_one_line_and_a_log_has_room_for_words(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)  # which pytest-xdist sets
    title, row = "runs/" + "a" * 90 + "/best.ckpt on shapes", ("fcn8s " + "b" * 60, "+11.9 [11.0, 12.7]", "78.3 ± 0.6")
    show_table(title, ["model", "difference [95%]", "mean IU"], [row])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == title
    assert " ".join(lines[2].split()) == " ".join(row)


def test_brackets_of_a_message_are_not_markup(capsys: pytest.CaptureFixture[str]) -> None:
    say("skips=[pool4]")
    assert "skips=[pool4]" in capsys.readouterr().out


def test_letters_that_a_terminal_has_not_do_not_end_a_training(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(file, encoding="ascii"))
    open_streams()
    say("iou of 땅")
    sys.stdout.flush()
    assert file.getvalue() == b"iou of \\ub545\n"
