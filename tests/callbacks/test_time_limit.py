"""``trainer.max_time`` ends a start, not a run: it says so, and the next start has its whole time."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import TINY, Command

from fcnlab.callbacks.time_limit import TimeLimit

WORDS = (*TINY, "epochs=3", "data.batch_size=4")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Time that is over after so many questions of the loop: one per step, validation and epoch."""
    left = [6]

    def is_over(_: TimeLimit) -> bool:
        left[0] -= 1
        return left[0] < 0

    monkeypatch.setattr(TimeLimit, "is_over", property(is_over))
    return left


def test_a_run_whose_time_is_over_says_so_and_goes_on_when_it_is_given_again(
    command: Command, clock: list[int]
) -> None:
    typed = (*WORDS, "trainer.max_time=00:01:00:00")
    outcome = command("train", *typed)
    assert outcome.code == 0
    assert "max_time at epoch 2 of 3: last.ckpt is written, nothing was tested. Type the same command" in outcome.text
    (run,) = Path("runs").iterdir()
    record = json.loads((run / "record.json").read_text())
    assert (record["status"], record["ended"]) == ("interrupted", "max_time at epoch 2 of 3")
    assert not (run / "metrics.json").exists()
    clock[0] = 1000
    again = command("train", *typed)
    assert "Going on from" in again.text
    assert json.loads((run / "record.json").read_text())["ended"] == "all 3 epochs"
    assert command("train", *WORDS, "runs_dir=whole").code == 0  # without a limit: the same run, with the same result
    (whole,) = Path("whole").iterdir()
    assert whole.name == run.name
    assert (whole / "history.csv").read_text() == (run / "history.csv").read_text()
    assert (whole / "metrics.json").read_text() == (run / "metrics.json").read_text()


def test_time_that_is_over_with_the_last_epoch_takes_nothing(command: Command, clock: list[int]) -> None:
    clock[0] = 2
    outcome = command("train", *TINY, "data.batch_size=8", "trainer.max_time={hours: 1}")
    assert "test/mean_iou" in outcome.text


@pytest.mark.slow
def test_in_a_sweep_only_the_job_is_stopped(command: Command, clock: list[int]) -> None:
    outcome = command("train", "-m", *WORDS, "trainer.max_time=00:01:00:00", "seed=0,1")
    assert [line.split()[1] for line in outcome.text.splitlines() if line.split()[:1] in (["seed=0"], ["seed=1"])] == [
        "stopped",
        "stopped",
    ]
    assert "2 not finished. Give the same command again: they go on" in outcome.text


def test_each_start_has_the_whole_time() -> None:
    limit = TimeLimit("00:00:00:10")
    limit.load_state_dict({"time_elapsed": {"train": 9999.0}})
    assert limit.time_remaining() == 10


@pytest.mark.parametrize("time", ["soon", "12:00", "{parsecs: 3}"])
def test_what_is_no_time_is_refused(command: Command, time: str) -> None:
    outcome = command("train", *TINY, f"trainer.max_time={time}")
    assert outcome.code == 1
    assert "is no time. Write days, hours, minutes and seconds: 00:11:30:00" in outcome.text


def test_the_time_is_measured() -> None:
    limit = TimeLimit({"seconds": 0})
    limit.on_train_start(None, None)
    assert limit.is_over
