"""Schedulers of torch by YAML alone: the rates of history.csv are those of torch's own classes."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from stranger.brought import Bring, bring, refused  # noqa: F401
from torch.optim import lr_scheduler as of_torch

STEPS, EPOCHS, RATE = 8, 4, 0.02
Make = Callable[[torch.optim.Optimizer], Any]


def up_and_down(optimizer: torch.optim.Optimizer) -> Any:
    rise = of_torch.LinearLR(optimizer, start_factor=0.1, total_iters=4)
    fall = of_torch.CosineAnnealingLR(optimizer, T_max=STEPS - 4)
    return of_torch.SequentialLR(optimizer, [rise, fall], milestones=[4])


def warm_epochs(optimizer: torch.optim.Optimizer) -> Any:
    rise = of_torch.LinearLR(optimizer, start_factor=0.01, total_iters=2)
    return of_torch.SequentialLR(optimizer, [rise, of_torch.CosineAnnealingLR(optimizer, T_max=2)], milestones=[2])


BY_STEP: dict[str, Make] = {
    "onecycle": lambda optimizer: of_torch.OneCycleLR(optimizer, max_lr=RATE, total_steps=STEPS),
    "restarts": lambda optimizer: of_torch.CosineAnnealingWarmRestarts(optimizer, T_0=3),
    "exponential": lambda optimizer: of_torch.ExponentialLR(optimizer, gamma=0.9),
    "chain": up_and_down,
}
BY_EPOCH: dict[str, Make] = {
    "steps": lambda optimizer: of_torch.StepLR(optimizer, step_size=2, gamma=0.5),
    "cosine_by_epoch": warm_epochs,
}
FAST = ("onecycle", "chain", "cosine_by_epoch")
CASES = [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in (*BY_STEP, *BY_EPOCH)]


def rates(make: Make, times: int) -> list[float]:
    """The rate before each of so many calls, and after the last."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=RATE, momentum=0.9)
    scheduler, seen = make(optimizer), []
    for call in range(times + 1):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if call < times:
            scheduler.step()
    return seen


def half_cosine(done: int, length: int) -> float:
    return 1e-4 + 0.5 * (RATE - 1e-4) * (1 + math.cos(math.pi * done / length)) if done < length else 1e-4


@pytest.mark.slow
def test_schedulers_of_timm_count_the_steps_or_the_epochs_that_are_done(bring: Bring) -> None:  # noqa: F811
    for name, length in (("timm_steps", STEPS), ("timm_epochs", EPOCHS)):
        run = bring(f"scheduler={name}", f"epochs={EPOCHS}")
        done = [(epoch + 1) * length // EPOCHS for epoch in range(EPOCHS)]
        expected = [half_cosine(count, length) for count in done]
        assert [row["lr"] for row in run.history] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_a_scheduler_gives_torchs_rates(name: str, bring: Bring) -> None:  # noqa: F811
    warmup = ["scheduler.warmup=0.5"] if name == "cosine_by_epoch" else []
    run = bring(f"scheduler={name}", f"epochs={EPOCHS}", *warmup)
    got = [row["lr"] for row in run.history]
    # Seen when an epoch has ended, its last step taken and the next epoch's rate set.
    expected = rates(BY_STEP[name], STEPS)[2::2] if name in BY_STEP else rates(BY_EPOCH[name], EPOCHS)[1:]
    assert got == pytest.approx(expected, rel=1e-5, abs=1e-12)
    assert len(set(got)) > 1


def test_a_plateau_follows_the_loss_and_the_lowest_is_best(bring: Bring) -> None:  # noqa: F811
    run = bring(
        *("scheduler=plateau", "scheduler.scheduler.patience=0"),
        *("monitor={metric: val/loss, mode: min}", f"epochs={EPOCHS}"),
    )
    losses = [row["val/loss"] for row in run.history]
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=RATE)
    scheduler, expected = of_torch.ReduceLROnPlateau(optimizer, mode="min", factor=0.1, patience=0), []
    for loss in losses:
        expected.append(optimizer.param_groups[0]["lr"])
        scheduler.step(loss)
    assert [row["lr"] for row in run.history] == pytest.approx(expected)
    assert len(set(expected)) > 1, losses
    assert run.value["val/loss"] == min(losses)
    assert torch.load(run.best, weights_only=True)["epoch"] == losses.index(min(losses))


@pytest.mark.slow
def test_schedulers_that_lack_what_they_need_are_refused(refused) -> None:  # noqa: F811
    assert "Say which: scheduler.monitor" in refused("scheduler=plateau", "scheduler.monitor=null")
    assert "torch puts nothing in front of a SequentialLR" in refused("scheduler=chain", "scheduler.warmup=0.5")
