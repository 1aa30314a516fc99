"""Settings of labels, colours and void become groups that belong to the classes."""

import pytest

from fcnlab.data.class_list import ClassList
from fcnlab.data.label_settings import colour_groups, label_groups, split_void
from fcnlab.error import UserError

CLASSES = ClassList(names=("a", "b"), labels=((0,), (1,)))


def test_labels_come_as_a_list_or_by_name() -> None:
    assert label_groups([[0, 2], 5], CLASSES, 0) == (((0, 2), (5,)), set())
    assert label_groups({3: "b", "2": "a", 1: "b", 0: "void"}, CLASSES, 0) == (((2,), (3, 1)), {0})
    assert label_groups(None, CLASSES, 0) == (((0,), (1,)), set())


def test_colours_come_in_any_spelling() -> None:
    assert colour_groups(["red", ["#00ff00", [0, 0, 1]]], CLASSES) == (((255, 0, 0),), ((0, 255, 0), (0, 0, 1)))
    assert colour_groups([[[1, 2, 3], [4, 5, 6]], [7, 8, 9]], CLASSES) == (((1, 2, 3), (4, 5, 6)), ((7, 8, 9),))


def test_void_is_labels_colours_and_the_rest() -> None:
    assert split_void(255) == ({255}, [], False)
    assert split_void([0, "#010203", [4, 5, 6], "rest"]) == ({0}, [(1, 2, 3), (4, 5, 6)], True)
    assert split_void(None) == (set(), [], False)
    assert split_void(65535) == ({65535}, [], False)


@pytest.mark.parametrize("wrong", [-32769, 256, 1.5, True, "nothing", [[1, 2]]])
def test_what_is_neither_is_refused(wrong: object) -> None:
    with pytest.raises(UserError, match="data.void_label"):
        split_void(wrong)
