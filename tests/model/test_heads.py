"""Heads of the net and masks of the data go together by name and number of classes; stages take over all heads."""

from pathlib import Path

import pytest
from conftest import Command
from data.two_masks import HEADS, make, train


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("two"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (HEADS[:1], "data.heads.side has 3 classes, the net's output of that name none. Set model.heads={side: 3}"),
        (HEADS[1:], "model.heads has side, but the data have no masks for it: they have out"),
        ((HEADS[0], "+model.heads={side: 2}"), "data.heads.side has 3 classes, the net's output of that name 2"),
        (("+data.heads={loss: {classes: sides.txt}}",), "data.heads names a head 'loss'"),
        (("+data.heads={type: {classes: sides.txt}}",), "nor the name of a method of torch's modules"),
        (("+data.heads={side: {}}",), "data.heads.side={} says nothing of its masks"),
        ((*HEADS, "loss=chunked_cross_entropy"), "loss=ChunkedCrossEntropy runs the net by itself"),
        ((*HEADS, "+task.head_weights={quarter: 1}"), "task.head_weights names quarter, which is no further head"),
        (("+task.head_weights={side: 1}",), "task.head_weights names side, which is no further head. Known: none"),
        (("+data.heads={side: {masks: 'sids/{name}.png', classes: sides.txt}}", HEADS[1]), "sids"),
    ],
)
def test_what_does_not_fit_together_is_told(words: tuple[str, ...], message: str, root: Path, command: Command) -> None:
    outcome = train(command, root, *words)
    assert outcome.code == 1
    assert message in outcome.text
    assert "Traceback" not in outcome.text


@pytest.mark.slow
def test_a_stage_takes_over_both_heads_of_the_one_before(root: Path, command: Command, tmp_path: Path) -> None:
    for model, start in (("fcn32s", "null"), ("fcn16s", "coarser")):
        outcome = train(command, root, *HEADS, f"model={model}", f"start={start}", "epochs=1")
        assert outcome.code == 0, outcome.text
    assert "new are score_pool4, heads.side.score_pool4." in outcome.text
