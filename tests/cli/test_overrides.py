"""A value of another kind than its setting takes is told as that, from every command."""

import pytest
from conftest import TINY, Command

from fcnlab.cli.overrides import known_keys, mistyped


@pytest.mark.parametrize(
    ("command_name", "words", "message"),
    [
        ("train", [*TINY, "optim.lr=abc"], "optim.lr=abc is not a number, which optim.lr takes; its default is 0.005."),
        ("train", [*TINY, "epochs=many"], "epochs=many is not a number"),
        ("train", [*TINY, "data.count=5"], "data.count=5 is not a list, as [1,2], which data.count takes"),
        ("train", [*TINY, "data.images=5"], "data.images=5 is not a mapping"),
        ("upper_bound", ["data=shapes", "strides=8"], "strides=8 is not a list"),
    ],
)
def test_a_value_of_another_kind_is_told(command_name: str, words: list[str], message: str, command: Command) -> None:
    outcome = command(command_name, *words)
    assert outcome.code == 1
    assert message in outcome.text
    assert "Traceback" not in outcome.text


def test_what_is_right_or_cannot_be_told_is_let_be() -> None:
    fine = [
        "data=folder",
        "model/backbone=resnet18",
        "optim.lr=1",
        "seed=0,1",
        "scheduler.interval=null",
        "data.root='a b'",
    ]
    assert mistyped("train", fine) == ""
    assert mistyped("train", ["data.batch_size=true"]).startswith("data.batch_size=true is not a number")
    assert mistyped("train", ["compile=1"]).startswith("compile=1 is not true or false, which compile takes")


def test_the_settings_beside_a_misspelt_one_are_known() -> None:
    assert "optim.lr" in known_keys("train", [], "optim.rl")
    assert "optim.lr" not in known_keys("train", [], "sed")
