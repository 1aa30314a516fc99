"""The table of settings and the files of conf/ are of one mind."""

from pathlib import Path

import pytest
import yaml

from fcnlab.cli.compose import CONF, compose
from fcnlab.cli.settings import COMMANDS, Experiment, Train
from fcnlab.model.source import INPUTS


@pytest.mark.parametrize("name", COMMANDS)
def test_every_key_of_a_command_is_listed_and_every_listed_key_is_there(name: str) -> None:
    there = set(compose(name))
    assert there - set(Experiment.known()) == set(COMMANDS[name].needed())
    assert there <= set(COMMANDS[name].known())


def test_every_command_has_its_table() -> None:
    assert {path.stem for path in Path(CONF).glob("*.yaml")} == set(COMMANDS)


def test_choices_that_a_higher_wing_knows_are_the_same_there() -> None:
    (field,) = [value for key, value in Train.known().items() if key == "weights_input"]
    assert set(field.__args__) == {"auto", *INPUTS}


def test_what_experiments_say_of_themselves_is_known() -> None:
    used = {key for path in (CONF / "experiment").glob("*.yaml") for key in yaml.safe_load(path.read_text())}
    assert used - {"defaults"} <= set(Train.known())
    assert set(Experiment.known()) <= used
