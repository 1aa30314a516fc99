"""Each head has a loss of its own, and they are summed by their weights."""

import json
from pathlib import Path

import pytest
from conftest import Command
from data.two_masks import HEADS, make, only, train


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("two"))


def test_a_head_without_weight_changes_nothing_of_the_first(root: Path, command: Command, tmp_path: Path) -> None:
    for folder, words in (("one", ()), ("two", (*HEADS, "+task.head_weights={side: 0}"))):
        outcome = train(command, root, *words, f"runs_dir={tmp_path}/{folder}")
        assert outcome.code == 0, outcome.text
    one, two = (json.loads((only(tmp_path / folder) / "metrics.json").read_text()) for folder in ("one", "two"))
    assert {key: two[key] for key in one} == one
