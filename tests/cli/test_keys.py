"""The keys of the Trainer are Lightning's own, without those that fcnlab gives."""

import inspect

import lightning as L
from annotated_types import Ge

from fcnlab.cli.compose import compose
from fcnlab.cli.keys import EarlyStoppingKeys, TrainerKeys, limited


def test_every_keyword_of_lightning_is_known_or_listed_as_given_otherwise() -> None:
    ours = set(TrainerKeys.known())
    assert set(inspect.signature(L.Trainer).parameters) <= ours | set(TrainerKeys.instead)
    assert not ours & set(TrainerKeys.instead)
    assert {"callbacks", "logger", "plugins", "gpus", "auto_lr_find"} <= set(TrainerKeys.instead)


def test_what_the_shipped_file_lists_is_needed() -> None:
    assert set(TrainerKeys.needed()) == set(compose("train").trainer)


def test_early_stopping_takes_what_monitor_does_not_say() -> None:
    assert {"patience", "min_delta"} <= set(EarlyStoppingKeys.known())
    assert not {"monitor", "mode"} & set(EarlyStoppingKeys.known())


def test_numbers_of_the_trainer_are_not_negative() -> None:
    assert Ge(0) in limited(int, Ge(0)).__metadata__
    assert limited(str | None, Ge(0)) == str | None
    assert set(TrainerKeys.limits) <= set(TrainerKeys.known())
