"""Cityscapes in its archives' layout: labelIds and trainIds give the same 19 classes."""

from pathlib import Path

import numpy as np
import pytest
from conftest import Command
from data.scenes import NET, labels, photo, save

from fcnlab.cli.compose import build, compose
from fcnlab.data.cityscapes import CLASSES

# trainId by labelId of cityscapesScripts, written out by hand.
TRAIN_IDS = {7: 0, 8: 1, 11: 2, 12: 3, 13: 4, 17: 5, 19: 6, 20: 7, 21: 8, 22: 9, 23: 10, 24: 11, 25: 12, 26: 13, 27: 14}
TRAIN_IDS |= {28: 15, 31: 16, 32: 17, 33: 18}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    number = 0
    for split, cities in {"train": ("aachen", "ulm"), "val": ("munster",)}.items():
        for city in cities:
            for i in range(3):
                number += 1
                ids = labels(number, list(range(34))).astype(np.uint8)
                train = np.vectorize(lambda one: TRAIN_IDS.get(one, 255))(ids).astype(np.uint8)
                name = f"{city}_{i:06}_000019"
                save(photo(number), tmp_path / "leftImg8bit" / split / city / f"{name}_leftImg8bit.png")
                for kind, mask in (("labelIds", ids), ("trainIds", train)):
                    save(mask, tmp_path / "gtFine" / split / city / f"{name}_gtFine_{kind}.png")
    return tmp_path


def words(root: Path) -> tuple[str, ...]:
    return ("data=cityscapes", f"data.root={root}", "data.val_cities=[ulm]", "data.complete=false")


def test_label_ids_and_train_ids_are_the_same_classes(root: Path) -> None:
    ids, train = (
        build(compose("train", [*words(root), f"data.masks={kind}"]).data) for kind in ("labelIds", "trainIds")
    )
    assert len(CLASSES) == 19
    assert ids.class_names[13] == "car"
    assert ids.palette[13] == [0, 0, 142]
    assert [len(ids.names(split)) for split in ("train", "val", "test")] == [3, 3, 3]
    assert all(name.startswith("ulm") for name in ids.names("val"))
    assert all(name.startswith("munster") for name in ids.names("test"))
    for split in ("train", "val", "test"):
        for one, other in zip(ids.masks(split), train.masks(split), strict=True):
            assert (one == other).all()
            assert {*np.unique(one)} == {*range(19), 255}


def test_it_trains_and_says_what_is_missing_of_the_published_set(root: Path, command: Command) -> None:
    outcome = command("train", *words(root), *NET)
    assert outcome.code == 0, outcome.text
    outcome = command("train", *words(root)[:-1], *NET[:-1])
    assert outcome.code == 1
    assert "has 6 images, the published cityscapes 2975" in outcome.text
    outcome = command("train", *words(root), *NET, "data.val_cities=[ulmm]")
    assert "Did you mean ulm" in outcome.text
