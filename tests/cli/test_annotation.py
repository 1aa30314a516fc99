"""What a type accepts, held against how YAML reads the value; and the words in which it is told."""

from collections.abc import Callable, Collection, Mapping, Sequence
from numbers import Number
from typing import Annotated, Any, Literal

import pytest
import torch
import yaml
from annotated_types import Ge, Gt, Interval

from fcnlab.cli.annotation import accepts, choices, describe, spell

CASES = [
    (bool, "true", "no_thanks", "true or false"),
    (int, "3", "3.5", "a whole number"),
    (int, "3", "true", "a whole number"),
    (float, "3", "'3'", "a number"),
    (float, "1.0e-3", "true", "a number"),
    (str, "a b", "3", "text"),
    (str | None, "null", "false", "text or null"),
    (Sequence[str], "[a, b]", "ab", "a list of names"),
    (tuple[int, int], "[1, 2]", "[1, 2, 3]", "a list of 2 whole numbers"),
    (Annotated[float, Gt(0)], "0.1", "0", "a number above 0"),
    (Annotated[float, Interval(gt=0, lt=1)], "0.1", "1", "a number above 0 and below 1"),
    (Annotated[int, Interval(ge=0, le=255)] | None, "255", "256", "a whole number from 0 to 255 or null"),
    (Literal["mean", "sum"], "sum", "avg", "mean or sum"),
    (Mapping[str, float], "{a: 1}", "{a: b}", "a mapping of numbers"),
    (dict[Literal["train", "val"], int], "{train: 1}", "{tset: 1}", "a mapping of train or val"),
    (Callable[..., Any], None, "5", "a mapping with a _target_"),
    (torch.nn.Module, None, "vgg", "a mapping with a _target_"),
    (int | float, "1", "x", "a number"),
    (Collection[int], "[1]", "[a]", "a list of whole numbers"),  # torchmetrics' PanopticQuality
    (Collection[int] | None, "null", "[a]", "a list of whole numbers or null"),
    (Number, "1.5", "x", "a mapping with a _target_"),
    (torch.Tensor | None, "null", "[1]", "null or a mapping with a _target_"),
    (list[Annotated[int, Ge(1)]], "[1]", "[0]", "a list of whole numbers, 1 or more"),
]


@pytest.mark.parametrize(("annotation", "right", "wrong", "words"), CASES, ids=lambda value: str(value)[:40])
def test_a_type_accepts_its_values_and_no_others(annotation: Any, right: str | None, wrong: str, words: str) -> None:
    if right is not None:
        assert accepts(annotation, yaml.safe_load(right))
    assert not accepts(annotation, yaml.safe_load(wrong))
    assert describe(annotation) == words


def test_infinity_is_a_number_for_libraries_alone() -> None:
    assert accepts(float, float("inf"))
    assert not accepts(float, float("inf"), own=True)
    assert not accepts(list[str], [""], own=True)
    assert accepts(list[str], [""])
    assert not accepts(Annotated[float, Gt(0)], float("nan"), own=True)


def test_what_cannot_be_made_a_rule_accepts_all() -> None:
    assert accepts("a name that nobody knows", object())
    assert accepts(Any, 3)


def test_choices_are_those_among_which_nothing_else_is() -> None:
    assert choices(Literal[16, 32] | Literal["bf16", "32"] | None) == ["16", "32", "bf16"]
    assert choices(Literal["auto"] | int) == []


def test_values_are_spelt_as_on_the_command_line() -> None:
    assert spell({"a": [True, None, 1.5, "x"]}) == "{a: [true,null,1.5,x]}"
