"""Heads of the net and masks of the data go together by name and number of classes; stages take over all heads."""

from pathlib import Path

import pytest
import torch
from conftest import Command
from data.two_masks import HEADS, make, train

from fcnlab.error import UserError
from fcnlab.model.heads import alone, by_name, check_head_names


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


def test_one_head_needs_no_name_and_the_first_of_several_is_out() -> None:
    logits = torch.zeros(1, 2, 3, 3)
    assert by_name(logits) == {"out": logits}
    assert alone(by_name(logits)) is logits
    assert alone(by_name({"out": logits, "side": logits})) == {"out": logits, "side": logits}
    with pytest.raises(UserError, match="The net gives logits, but no 'out'"):
        by_name({"logits": logits})


@pytest.mark.parametrize("name", ["Geometric", "2d", "a-b", "", "iou", "items"])
def test_a_name_that_files_or_keys_could_not_have_is_refused(name: str) -> None:
    check_head_names(["geometric", "depth_2"], "model.heads")
    with pytest.raises(UserError, match=f"model.heads names a head {name!r}"):
        check_head_names([name], "model.heads")


@pytest.mark.slow
def test_a_stage_takes_over_both_heads_of_the_one_before(root: Path, command: Command, tmp_path: Path) -> None:
    for model, start in (("fcn32s", "null"), ("fcn16s", "coarser")):
        outcome = train(command, root, *HEADS, f"model={model}", f"start={start}", "epochs=1")
        assert outcome.code == 0, outcome.text
    assert "new are score_pool4, heads.side.score_pool4." in outcome.text
