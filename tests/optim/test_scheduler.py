"""The schedule of the learning rate: any scheduler of torch, over the whole training, with a warm-up in front."""

import pytest
import torch
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau

from fcnlab.cli.compose import build, compose, plain
from fcnlab.error import UserError


def optimizer(lr: float = 1.0) -> torch.optim.Optimizer:
    return torch.optim.SGD(torch.nn.Linear(1, 1).parameters(), lr=lr, momentum=0.9)


def schedulers(*overrides: str, steps: int, epochs: int = 1) -> tuple[torch.optim.Optimizer, list]:
    config = plain(compose("train", ["optim.lr=1", *overrides]))
    subject = optimizer()
    return subject, build(config["scheduler"]).build(subject, steps=steps, epochs=epochs)


def rates(*overrides: str, steps: int) -> list[float]:
    """The rate of every step, and the one after the last."""
    subject, found = schedulers(*overrides, steps=steps)
    seen = []
    for _ in range(steps + 1):
        seen.append(subject.param_groups[0]["lr"])
        subject.step()
        for one in found:
            one["scheduler"].step()
    return seen


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [("constant", [1, 1, 1]), ("poly", [1, 0.5**0.9, 0]), ("cosine", [1, 0.5, 0])],
)
def test_schedules_run_over_the_whole_training(schedule: str, expected: list[float]) -> None:
    seen = rates(f"scheduler={schedule}", "scheduler.warmup=0", steps=10)
    assert [seen[0], seen[5], seen[10]] == pytest.approx(expected)


def test_the_rate_rises_during_warmup_and_the_schedule_runs_over_the_rest() -> None:
    seen = rates("scheduler=constant", "scheduler.warmup=0.5", steps=8)
    assert seen == pytest.approx([0.01, 0.2575, 0.505, 0.7525, 1, 1, 1, 1, 1])
    seen = rates("scheduler=poly", "scheduler.warmup=0.5", "scheduler.scheduler.power=1", steps=8)
    assert seen == pytest.approx([0.01, 0.2575, 0.505, 0.7525, 1, 0.75, 0.5, 0.25, 0])


def test_one_cycle_is_told_the_number_of_steps() -> None:
    _, (found,) = schedulers("scheduler=onecycle", steps=20)
    assert isinstance(found["scheduler"], OneCycleLR)
    assert found["scheduler"].total_steps == 20
    rates = found["scheduler"]._last_lr
    assert rates == pytest.approx([1 / 25])


def test_a_plateau_follows_the_monitored_score_by_epochs_after_a_warmup_by_steps() -> None:
    words = ("scheduler=plateau", "scheduler.scheduler.patience=0", "scheduler.warmup=0.5")
    subject, (warming, main) = schedulers(*words, steps=4)
    assert (warming["interval"], main["interval"], main["monitor"]) == ("step", "epoch", "val/mean_iou")
    assert isinstance(main["scheduler"], ReduceLROnPlateau)
    for _ in range(2):
        subject.step()
        warming["scheduler"].step()
    assert subject.param_groups[0]["lr"] == pytest.approx(1)
    for score in (0.5, 0.4):
        main["scheduler"].step(score)
    assert subject.param_groups[0]["lr"] == pytest.approx(0.1)


def test_impossible_schedules_are_refused() -> None:
    for words, told in (("scheduler.warmup=1", "from 0 to below 1"), ("scheduler.interval=day", "Known: epoch, step")):
        with pytest.raises(UserError, match=told):
            schedulers(words, steps=4)
