"""What a _target_ takes follows from its constructor, and from those above it where it hands keywords on."""

import functools
import inspect
import sys
import types
from dataclasses import dataclass

import pytest
import torch

from fcnlab.cli.signature import taken, takes
from fcnlab.data.datamodule import SegmentationData
from fcnlab.error import UserError


def test_keywords_that_go_to_the_class_above_are_known() -> None:
    takes = taken("fcnlab.data.folder.Folder")
    above = set(inspect.signature(SegmentationData.__init__).parameters) - {"self"}  # not of __new__, which takes all
    assert set(takes.keywords) > above | {"root", "void_label", "layout", "classes", "lists", "fractions"}
    assert not takes.open


def test_classes_of_libraries_are_told_apart_by_whether_they_take_anything() -> None:
    assert taken("torch.optim.SGD").keywords.keys() == inspect.signature(torch.optim.SGD).parameters.keys()
    assert not taken("torch.optim.SGD").open
    assert taken("timm.create_model").open  # **kwargs
    assert taken("torchmetrics.classification.MulticlassJaccardIndex").open
    assert not taken("albumentations.HorizontalFlip").open
    assert taken("albumentations.HorizontalFlip").keywords["p"] is float  # written as text there


def test_a_class_that_chooses_another_is_known_by_that() -> None:
    assert {"task", "num_classes"} <= taken("torchmetrics.JaccardIndex").keywords.keys()


def test_a_default_of_none_means_that_null_may_be_given() -> None:
    def old_fashioned(size: int = None) -> None: ...  # noqa: RUF013

    assert takes(old_fashioned).keywords["size"] == int | None


def test_what_is_not_there_is_told() -> None:
    with pytest.raises(UserError, match="Cannot import _target_=fcnlab.data.foldr.Folder"):
        taken("fcnlab.data.foldr.Folder")


def test_a_class_that_is_written_anew_is_looked_at_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = "tests_of_a_notebook"
    monkeypatch.setitem(sys.modules, cell, types.ModuleType(cell))
    for keyword in ("gamma", "alpha"):
        exec(f"class Loss:\n    def __init__(self, {keyword}=1): ...", vars(sys.modules[cell]))
        assert set(taken(f"{cell}.Loss").keywords) == {keyword}


def test_a_parent_that_makes_the_object_hides_nothing_that_the_class_names() -> None:
    class Makes:
        def __new__(cls, *given: object, **more: object) -> "Makes":
            return super().__new__(cls)

    class Net(Makes):
        def __init__(self, classes: int = 1, **more: object) -> None: ...

    assert takes(Net).keywords == {"classes": int}
    assert takes(Net).open


def test_a_constructor_counts_and_not_the_new_beside_it() -> None:
    class Both:
        def __new__(cls, *given: object, **more: object) -> "Both":
            return super().__new__(cls)

        def __init__(self, *, width: int) -> None: ...

    assert takes(Both) == ({"width": int}, False)


def test_a_dataclass_that_hands_on_what_it_does_not_know_takes_anything() -> None:
    @dataclass
    class Config:  # as transformers' configs: num_labels is none of the fields
        width: int = 4

        def __init__(self, width: int = 4, **more: object) -> None:
            self.width = width
            self.__post_init__(**more)

        def __post_init__(self, **more: object) -> None:
            self.more = more

    declared = functools.wraps(Config.__init__)(lambda self, *args, **more: Config.__init__(self, *args, **more))
    declared.__signature__ = inspect.Signature(list(inspect.signature(Config.__init__).parameters.values())[:2])
    strict = type("Strict", (Config,), {"__init__": declared})
    assert strict(width=1, num_labels=3).more == {"num_labels": 3}
    assert takes(strict).keywords["width"] is int
    assert takes(strict).open
