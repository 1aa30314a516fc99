"""What is built in Python is held against the types of its constructor, in the words of the schema."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch

from fcnlab.cli.checked import is_plain
from fcnlab.error import UserError
from fcnlab.loss.chunked import ChunkedCrossEntropy
from fcnlab.loss.cross_entropy import CrossEntropy
from fcnlab.model.resnet import ResNet
from fcnlab.model.vgg import VGG16
from fcnlab.optim.recipe import Optim
from fcnlab.optim.scheduler import Scheduler

RECIPE = {"optimizer": torch.optim.SGD, "lr": 0.1, "weight_decay": 0, "reduction": "mean"}
WRONG: list[tuple[Callable[..., Any], dict[str, Any], str]] = [
    (VGG16, {"width": -1}, "VGG16: width=-1 is not a number above 0"),
    (VGG16, {"batch_norm": "no"}, "Write batch_norm=false"),
    (VGG16, {"fc_channels": 0}, "is not a whole number, 1 or more"),
    (ResNet, {"depth": 17}, "depth=17"),
    (CrossEntropy, {"reduction": "men"}, "Did you mean mean"),
    (CrossEntropy, {"class_weights": [-1.0, 1.0]}, "is not a list of numbers, 0 or more"),
    (ChunkedCrossEntropy, {"elements": 0}, "is not a whole number, 1 or more, or null"),
    (ChunkedCrossEntropy, {"reduction": "men"}, "Did you mean mean"),
    (Optim, RECIPE | {"lr": 0}, "Optim: lr=0 is not a number above 0"),
    (Optim, RECIPE | {"lr": float("nan")}, "lr=nan is not a number above 0"),
    (Optim, RECIPE | {"freeze": [""]}, "is not a list of names"),
    (Scheduler, {"warmup": 1}, "from 0 to below 1"),
    (Scheduler, {"interval": "epochs"}, "Did you mean epoch"),
]


@pytest.mark.parametrize(("make", "given", "told"), WRONG, ids=lambda value: str(value)[:30])
def test_a_constructor_refuses_what_the_schema_refuses(
    make: Callable[..., Any], given: dict[str, Any], told: str
) -> None:
    with pytest.raises(UserError, match=told):
        make(**given)


def test_objects_and_tuples_are_let_in() -> None:
    assert Optim(**RECIPE | {"freeze": ("score",)}).freeze == ("score",)
    assert is_plain({"a": [1, (None, "x")]})
    assert not is_plain([torch.zeros(1)])


def test_the_signature_stays_what_it_is() -> None:
    assert inspect.signature(VGG16).parameters["width"].default == 1.0
