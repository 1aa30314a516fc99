"""ADE20K in its archive's layout: label 0 is void, and label 1 the first class."""

from pathlib import Path

import numpy as np
import pytest
from conftest import Command
from data.scenes import NET, labels, photo, save

from fcnlab.cli.compose import build, compose


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder, numbers in (("training", range(12)), ("validation", range(12, 15))):
        for i in numbers:
            save(photo(i), tmp_path / "images" / folder / f"ADE_{i:08}.jpg")
            save(labels(i, list(range(151))).astype(np.uint8), tmp_path / "annotations" / folder / f"ADE_{i:08}.png")
    return tmp_path


@pytest.mark.slow
def test_zero_is_void_and_the_others_are_counted_from_one(root: Path, command: Command) -> None:
    words = ("data=ade20k", f"data.root={root}", "data.val_fraction=0.3", "data.complete=false")
    data = build(compose("train", list(words)).data)
    assert len(data.class_names) == len(data.palette) == 150
    assert (data.class_names[0], data.class_names[12], data.class_names[149]) == ("wall", "person", "flag")
    assert (data.palette[0], data.palette[149]) == ([120, 120, 120], [92, 0, 255])
    assert len(data.names("train")) + len(data.names("val")) == 12
    for index, mask in enumerate(data.masks("test")):
        expected = labels(12 + index, list(range(151)))
        assert (mask == np.where(expected == 0, 255, expected - 1)).all()
    outcome = command("train", *words, *NET)
    assert outcome.code == 0, outcome.text
    outcome = command("train", *words[:-1], *NET[:-1])
    assert "the published ade20k 20210" in outcome.text
