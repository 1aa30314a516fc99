"""A row says median, spread and verdict; tasks run in turn; a task alone has its own process."""

import os

import pytest

from fcnlab.benchmark import row
from fcnlab.benchmark.row import Alone, Row, in_turn, ratios, shown
from fcnlab.error import UserError


@pytest.mark.parametrize(
    ("values", "goal", "verdict", "figure"),
    [
        ([3.0, 5.0, 4.0], ">= 4", "reached", "4 (3 to 5)"),
        ([3.0], ">= 4", "missed by 25%", "3"),
        ([0.03], "<= 0.02", "missed by 50%", "0.03"),
        ([3.24], "<= 0.1", "missed by far", "3.24"),
        ([0.02], "<= 0.02", "reached", "0.02"),
        ([1.0], "", "", "1"),
        ([], ">= 4", "not measured", "-"),
    ],
)
def test_a_row_says_how_it_stands_to_its_goal(values: list[float], goal: str, verdict: str, figure: str) -> None:
    made = Row("step", "ratio", values, goal)
    assert (made.verdict(), made.figure()) == (verdict, figure)
    assert made.plain()["reached"] == {"reached": True, "": None, "not measured": None}.get(verdict, False)


def test_every_round_begins_with_another_task_and_warming_up_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    order, clock = [], iter(range(100))
    monkeypatch.setattr(row, "now", lambda: next(clock))
    seconds = in_turn({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, rounds=2, warm=1)
    assert "".join(order) == "baabba"
    assert seconds == {"a": [1, 1], "b": [1, 1]}


def test_a_task_may_take_its_time_itself() -> None:
    assert in_turn({"a": lambda: 0.25}, rounds=2) == {"a": [0.25, 0.25]}


def test_ratios_are_taken_round_by_round() -> None:
    assert ratios([2.0, 9.0], [1.0, 3.0]) == [2.0, 3.0]
    assert shown([0.0123, 0.0456, 0.0789]) == "45.6 ms (12.3 to 78.9)"
    assert shown([1.5]) == "1.5 s (1.5 to 1.5)"


class Process:
    """A task that tells where it runs."""

    def __init__(self, fail: bool) -> None:
        if fail:
            raise ValueError("cannot be built")

    def __call__(self) -> int:
        return os.getpid()

    def broken(self) -> None:
        raise KeyError("lost")


@pytest.mark.slow
def test_a_task_alone_runs_elsewhere_and_its_faults_come_back() -> None:
    with Alone(Process, fail=False) as task:
        assert isinstance(task(), float)
        assert task.ask("__call__")[1] == task.process.pid != os.getpid()
        with pytest.raises(KeyError, match="lost"):
            task.ask("broken")
    assert not task.process.is_alive()
    with pytest.raises(ValueError, match="cannot be built"):
        Alone(Process, fail=True)
    with Alone(Process, fail=False) as task, pytest.raises(UserError, match="ended with code -9"):
        task.process.kill()
        task()
