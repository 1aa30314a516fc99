"""A run's name follows from what can change its result."""

import pytest

from fcnlab.cli.compose import compose, plain
from fcnlab.run.name import by_value, is_neutral, run_name


def name(*overrides: str) -> str:
    return run_name(plain(compose("train", ["experiment=shapes", *overrides])))


@pytest.mark.parametrize(
    "words",
    [
        ["data.num_workers=3"],
        ["logger=none"],
        ["runs_dir=elsewhere"],
        ["trainer.accelerator=cpu"],
        ["trainer.enable_progress_bar=false"],
        ["checkpoint.every_n_steps=10"],
        ["rerun=all"],
        ["+callbacks.rate={_target_: lightning.pytorch.callbacks.LearningRateMonitor}"],
        ["callbacks=ema", "callbacks.ema=null"],
    ],
)
def test_where_and_how_do_not_change_a_name(words: list[str]) -> None:
    assert name(*words) == name()


@pytest.mark.parametrize(
    "words",
    [
        ["optim.lr=1"],
        ["seed=1"],
        ["model=fcn32s"],
        ["data.batch_size=2"],
        ["score=last"],
        ["callbacks=ema"],
        ["+callbacks.x={_target_: lightning.pytorch.callbacks.GradientAccumulationScheduler, scheduling: {0: 2}}"],
        ["epochs=3"],
        ["trainer.devices=2"],
    ],
)
def test_what_can_change_the_result_changes_the_name(words: list[str]) -> None:
    assert name(*words) != name()


@pytest.mark.parametrize("words", [("32", "32-true"), ("null", "32-true"), ("16", "16-mixed"), ("bf16", "bf16-mixed")])
def test_a_precision_by_its_short_name_is_the_same_training(words: tuple[str, str]) -> None:
    short, full = (name(f"trainer.precision={word}") for word in words)
    assert short == full


def test_a_name_tells_experiment_model_data_and_seed() -> None:
    assert name("model=fcn16s", "seed=7").startswith("shapes-fcn16s-shapes-s7-")


def test_a_key_is_neutral_with_all_that_is_under_it() -> None:
    assert is_neutral("runs_dir")
    assert is_neutral("logger.wandb.offline")
    assert is_neutral("data.root")
    assert not is_neutral("data.root_of_all")
    assert not is_neutral("data")


def test_a_name_is_one_folders_whatever_the_words() -> None:
    assert name("data.name=a/b").startswith("shapes-fcn8s-a-b-s0-")
    assert name("data.name=a/b") != name("data.name=a-b")  # the hash tells them apart
    long = [name(f"data.name='{'가' * 100}{end}'", f"seed={2**32 - 1}") for end in "xy"]
    assert long[0] != long[1]
    assert max(len(one.encode()) for one in long) <= 128
    assert all(f"-s{2**32 - 1}-" in one for one in long)


def test_numbers_that_are_equal_are_one_identity_and_true_is_no_number() -> None:
    for one, other in (("model.backbone.width=1", "model.backbone.width=1.0"), ("data.scale=255", "data.scale=255.0")):
        assert name(one) == name(other) != name()
    assert name("optim.lr=1.5") != name("optim.lr=1")
    assert by_value({"a": [True, 1.0, 0.5, float("inf")]}) == {"a": [True, 1, 0.5, float("inf")]}
    assert by_value([True])[0] is True
