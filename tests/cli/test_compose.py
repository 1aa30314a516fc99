"""Configs become objects in one module, and errors of the objects come through whole."""

from pathlib import Path

import pytest
from omegaconf.errors import MissingMandatoryValue

from fcnlab.cli.compose import build, compose, plain
from fcnlab.error import UserError


def test_compose_gives_what_the_command_would_run_with() -> None:
    config = plain(compose("train", ["experiment=shapes", "model=fcn32s", "seed=3"]))
    assert config["epochs"] == config["trainer"]["max_epochs"] == config["by_variant"]["fcn32s"]["epochs"]
    assert config["data"]["seed"] == 3


def test_an_override_wins_over_the_experiment() -> None:
    assert plain(compose("train", ["experiment=shapes", "trainer=smoke"]))["trainer"]["max_epochs"] == 1
    assert plain(compose("train", ["experiment=shapes", "epochs=2"]))["trainer"]["max_epochs"] == 2


def test_a_tilde_in_runs_dir_is_home_wherever_it_comes_from() -> None:
    config = compose("train", ["logger=csv", "runs_dir='~/runs'"])
    assert config.runs_dir == f"{Path.home()}/runs"
    assert config.logger.csv.save_dir == f"{Path.home()}/runs/csv"


def test_an_error_of_the_object_itself_is_not_wrapped() -> None:
    with pytest.raises(UserError, match="^Unknown skip 'pool5'"):
        build(compose("train", ["model.skips=[pool5]"]).model, num_classes=2)


def test_a_missing_value_is_an_error_before_anything_runs() -> None:
    with pytest.raises(MissingMandatoryValue):
        plain(compose("train", ["data=folder"]))
