"""What is built in Python is held against the types of its constructor, in the words of the schema."""

import inspect
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
import torch
from annotated_types import Ge
from data.made import make

from fcnlab.cli.checked import Checked, is_plain
from fcnlab.data.folder import Folder
from fcnlab.data.shapes import Shapes
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


class Above(Checked):
    def __init__(self, *, count: Annotated[int, Ge(1)] = 1, sizes: tuple[int, int] | None = None) -> None:
        self.count, self.sizes = count, sizes


class Below(Above):
    def __init__(self, *, name: str, values: list[int] | None = None, **common: Any) -> None:
        super().__init__(**common)
        self.name, self.values = name, values


class Silent(Below):
    """It has no constructor of its own."""


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"count": 0}, "Silent: count=0 is not a whole number, 1 or more."),
        ({"count": "2"}, "Silent: count=2 is not a whole number"),
        ({"sizes": (1, 2, 3)}, "Silent: sizes=[1,2,3] is not a list of 2 whole numbers or null."),
        ({"name": 3}, "Silent: name=3 is not text."),
        ({"values": [1, "a"]}, "Silent: values=[1,a] is not a list of whole numbers or null."),
    ],
)
def test_every_constructor_checks_what_it_names(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError) as error:
        Silent(**{"name": "a", **wrong})
    assert told in str(error.value)


def test_what_fits_is_taken_and_objects_are_left_alone() -> None:
    built: Any = Silent(name="a", values=(1, 2), sizes=[3, 4], count=2)
    assert (built.name, built.values, built.sizes, built.count) == ("a", (1, 2), [3, 4], 2)
    assert Silent(name=Path("a"), count=np.int64(0)).count == 0  # type: ignore[arg-type]
    assert list(inspect.signature(Below).parameters) == ["name", "values", "common"]
    assert pickle.loads(pickle.dumps(built)).name == "a"


def test_data_sets_are_checked_in_python(tmp_path: Path) -> None:
    common: dict[str, Any] = {"name": "mine", "root": str(make(tmp_path)), "classes": "classes.txt", "batch_size": 1}
    common["fractions"] = {"train": 0.7, "val": 0.1, "test": 0.2}
    assert Folder(**common).class_names == ("ground", "leaf", "stem")
    for wrong, told in (
        ({"batch_size": 0}, "Folder: batch_size=0 is not a whole number, 1 or more"),
        ({"on_bad_sample": "skp"}, "Folder: on_bad_sample=skp is not known. Did you mean skip?"),
        ({"fractions": {"trian": 1.0}}, "Folder: fractions="),
        ({"tolerance": 200}, "Folder: tolerance=200"),
        ({"cache": "disc"}, "Did you mean disk"),
    ):
        with pytest.raises(UserError, match="Folder: ") as error:
            Folder(**{**common, **wrong})
        assert told in str(error.value)
    with pytest.raises(UserError, match="Shapes: size="):
        Shapes(name="shapes", size="large", batch_size=1)  # type: ignore[arg-type, call-arg]
