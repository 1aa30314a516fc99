"""Splits that lie together share their images, each image falling into one, wherever others come or go."""

import pytest

from fcnlab.data.sharing import share_by_hash
from fcnlab.error import UserError

SHARES = {"train": 0.7, "val": 0.1, "test": 0.2}
NAMES = [f"photo_{i}" for i in range(400)]


def test_every_image_falls_into_one_of_the_splits_that_lie_together() -> None:
    parts = {split: share_by_hash(NAMES, split, ("train", "val"), SHARES) for split in ("train", "val")}
    assert sorted(parts["train"] + parts["val"]) == sorted(NAMES)
    assert abs(len(parts["val"]) - 400 / 8) < 20  # 0.1 of 0.8
    assert share_by_hash(NAMES[::2], "val", ("train", "val"), SHARES) == [n for n in NAMES[::2] if n in parts["val"]]


def test_a_split_that_lies_alone_has_all() -> None:
    assert share_by_hash(NAMES, "test", ["test"], {}) == NAMES


def test_shares_of_nothing_are_refused() -> None:
    with pytest.raises(UserError, match="has no share for train, val"):
        share_by_hash(NAMES, "val", ("train", "val"), {"test": 1.0})


def test_a_split_without_an_image_is_told() -> None:
    with pytest.raises(UserError, match="None of 3 images falls into split 'val' by data.fractions="):
        share_by_hash(NAMES[:3], "val", ("train", "val"), SHARES)
