"""The clock stops at the first step, and a command that fails is no fast one."""

import subprocess

import pytest

from fcnlab.benchmark import launch
from fcnlab.benchmark.launch import first_step, python, sweep
from fcnlab.error import UserError


def test_a_command_that_fails_is_an_error() -> None:
    with pytest.raises(UserError, match="(?s)It printed: .*ZeroDivisionError"):
        python("-c", "1 / 0")


@pytest.mark.slow
def test_a_training_is_stopped_after_its_first_step(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    popen = subprocess.Popen

    def remember(*arguments: object, **settings: object) -> subprocess.Popen:
        started.append(popen(*arguments, **settings))
        return started[-1]

    monkeypatch.setattr(launch.subprocess, "Popen", remember)
    assert first_step() > 1
    assert started[0].returncode == -9


@pytest.mark.slow
def test_a_sweep_is_held_against_its_own_runs() -> None:
    row = sweep(jobs=2, images=16)
    assert row.value > 1
    assert "2 jobs" in row.detail
