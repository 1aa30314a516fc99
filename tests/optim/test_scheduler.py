"""The schedule of the learning rate: any scheduler of torch, over the whole training, with a warm-up in front."""

import functools
import math
from typing import Any

import pytest
import torch
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    LinearLR,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
)

from fcnlab.cli.compose import build, compose, plain
from fcnlab.error import UserError
from fcnlab.optim.scheduler import Scheduler, advance


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


def made(scheduler: Any, **settings: Any) -> tuple[torch.optim.Optimizer, list[dict[str, Any]]]:
    subject = torch.optim.SGD(
        [{"params": torch.nn.Linear(1, 1).parameters(), "lr": 0.1}, {"params": torch.nn.Linear(1, 1).parameters()}],
        lr=1.0,
        momentum=0.9,
    )
    sizes = {name: settings.pop(name) for name in ("steps", "epochs")}
    return subject, Scheduler(scheduler=scheduler, **settings).build(subject, **sizes)


def walk(subject: torch.optim.Optimizer, found: list[dict[str, Any]], *, steps: int, epochs: int) -> list[float]:
    """The last group's rate in every step, as Lightning asks the schedulers."""
    seen = []
    for step in range(1, steps + 1):
        seen.append(subject.param_groups[-1]["lr"])
        subject.step()
        for one in found:
            every = 1 if one["interval"] == "step" else steps // epochs
            if step % (every * one.get("frequency", 1)) == 0:
                one["scheduler"].step()
    return seen


def test_a_short_warm_up_lies_before_a_scheduler_that_sets_the_rate_by_epochs() -> None:
    restarts = functools.partial(CosineAnnealingWarmRestarts, T_0=2)
    subject, found = made(restarts, interval="epoch", warmup=0.1, steps=40, epochs=4)
    seen = walk(subject, found, steps=40, epochs=4)
    assert seen[:5] == pytest.approx([0.01, 0.2575, 0.505, 0.7525, 1])
    assert max(seen) == pytest.approx(1)
    assert seen[10] == pytest.approx(0.5)
    assert seen[20] == pytest.approx(1)


def test_a_long_warm_up_rises_by_epochs_and_never_above_the_full_rate() -> None:
    restarts = functools.partial(CosineAnnealingWarmRestarts, T_0=2)
    subject, found = made(restarts, interval="epoch", warmup=0.5, steps=40, epochs=4)
    assert walk(subject, found, steps=40, epochs=4)[::10] == pytest.approx([0.01, 0.505, 1, 0.5])


def test_groups_of_parameters_keep_their_factors_in_a_cycle() -> None:
    subject, (found,) = made(functools.partial(OneCycleLR, max_lr=2.0), steps=20, epochs=1)
    tops = [0.0, 0.0]
    for _ in range(19):
        subject.step()
        found["scheduler"].step()
        tops = [max(top, group["lr"]) for top, group in zip(tops, subject.param_groups, strict=True)]
    assert tops[0] == pytest.approx(tops[1] / 10)
    assert tops[1] == pytest.approx(2, rel=0.02)


def test_a_rate_is_one_number_where_a_scheduler_of_another_library_takes_one() -> None:
    told = []

    class Own(LinearLR):
        def __init__(self, optimizer: torch.optim.Optimizer, max_lr: float) -> None:
            told.append(max_lr)
            super().__init__(optimizer)

    made(functools.partial(Own, max_lr=2.0), steps=20, epochs=1)
    assert told == [2.0]


def test_a_chain_tells_each_part_its_own_length() -> None:
    parts = [functools.partial(LinearLR, start_factor=0.5), functools.partial(CosineAnnealingLR)]
    chain = functools.partial(SequentialLR, schedulers=parts, milestones=[4])
    subject, found = made(chain, steps=10, epochs=1)
    seen = walk(subject, found, steps=10, epochs=1)
    assert seen[:5] == pytest.approx([0.5, 0.625, 0.75, 0.875, 1])
    assert seen[7] == pytest.approx(0.5)
    with pytest.raises(UserError, match="2 schedulers and milestones="):
        made(functools.partial(SequentialLR, schedulers=parts, milestones=[4, 5]), steps=10, epochs=1)


def test_what_torch_refuses_is_told() -> None:
    with pytest.raises(UserError, match="scheduler.scheduler: LinearLR cannot be built: .*gama"):
        made(functools.partial(LinearLR, gama=1), steps=10, epochs=1)
    with pytest.raises(UserError, match="Set scheduler.interval=epoch"):
        Scheduler(scheduler=ReduceLROnPlateau, monitor="val/loss")


@pytest.mark.parametrize(("interval", "length"), [("step", 8), ("epoch", 4)])
def test_timms_scheduler_is_told_its_length_and_what_is_done(interval: str, length: int) -> None:
    cosine = pytest.importorskip("timm.scheduler").CosineLRScheduler
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    recipe = Scheduler(scheduler=functools.partial(cosine), interval=interval)
    (described,) = recipe.build(optimizer, steps=8, epochs=4)
    for done in range(1, length):
        counts = {"steps": done, "epochs": 99} if interval == "step" else {"steps": 99, "epochs": done}
        advance(described["scheduler"], None, **counts)
        assert optimizer.param_groups[0]["lr"] == pytest.approx(0.5 * (1 + math.cos(math.pi * done / length)))
    with pytest.raises(UserError, match="torch puts nothing in front of a CosineLRScheduler"):
        Scheduler(scheduler=functools.partial(cosine), warmup=0.5).build(optimizer, steps=8)


def cosine_of_transformers(optimizer: torch.optim.Optimizer, num_warmup_steps: int, num_training_steps: int) -> Any:
    """With the signature of transformers' get_cosine_schedule_with_warmup."""
    return CosineAnnealingLR(optimizer, T_max=num_training_steps - num_warmup_steps)


def test_a_function_of_transformers_is_told_how_many_steps_there_are() -> None:
    (found,) = Scheduler(scheduler=functools.partial(cosine_of_transformers, num_warmup_steps=2)).build(
        optimizer(), steps=10
    )
    assert found["scheduler"].T_max == 8


def test_a_score_that_nobody_looks_at_is_refused_and_so_is_a_plateau_of_nothing() -> None:
    timm = pytest.importorskip("timm.scheduler")
    fall = functools.partial(torch.optim.lr_scheduler.ExponentialLR, gamma=0.9)
    with pytest.raises(UserError, match=r"scheduler.monitor=val/loss has no use: ExponentialLR looks at no score"):
        Scheduler(scheduler=fall, interval="epoch", monitor="val/loss").build(optimizer(), steps=4, epochs=2)
    with pytest.warns(FutureWarning), pytest.raises(UserError, match="PlateauLRScheduler looks at a score"):
        Scheduler(scheduler=timm.PlateauLRScheduler, interval="epoch").build(optimizer(), steps=4, epochs=2)


def test_a_plateau_of_another_library_is_given_the_score() -> None:
    class Plateau:
        def step(self, metrics: float) -> None: ...

    described = Scheduler(scheduler=lambda optimizer: Plateau(), interval="epoch", monitor="val/loss")
    (found,) = described.build(optimizer(), steps=4, epochs=2)
    assert (found["monitor"], found["reduce_on_plateau"]) == ("val/loss", True)


def test_a_plateau_that_would_punish_what_gets_better_is_refused() -> None:
    with pytest.raises(UserError, match="mode=min takes the worst val/mean_iou for the best: the higher"):
        Scheduler(scheduler=ReduceLROnPlateau, interval="epoch", monitor="val/mean_iou").build(
            optimizer(), steps=4, epochs=2
        )
