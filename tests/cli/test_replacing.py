"""An object on the command line replaces the one of the chosen file, which Hydra alone would merge with it."""

from typing import Any

import pytest
from conftest import Command
from omegaconf import OmegaConf

from fcnlab.cli.compose import compose, plain
from fcnlab.cli.replacing import replace_objects

SMOOTH = "{_target_: torch.nn.CrossEntropyLoss, label_smoothing: 0.1}"


@pytest.mark.parametrize(
    ("words", "key", "found"),
    [
        ([f"loss={SMOOTH}"], "loss", {"_target_": "torch.nn.CrossEntropyLoss", "label_smoothing": 0.1}),
        (  # whose experiment sets loss.class_weights
            ["experiment=camvid", "data.root=x", f"loss={SMOOTH}"],
            "loss",
            {"_target_": "torch.nn.CrossEntropyLoss", "label_smoothing": 0.1},
        ),
        (
            ["optim.optimizer={_target_: torch.optim.SGD}", "optim.optimizer.momentum=0.8"],
            "optim.optimizer",
            {"_target_": "torch.optim.SGD", "_partial_": True, "momentum": 0.8},
        ),
        (  # which is there already: the rest of its settings stays
            ["loss={_target_: fcnlab.loss.cross_entropy.CrossEntropy, reduction: sum}"],
            "loss",
            {"_target_": "fcnlab.loss.cross_entropy.CrossEntropy", "reduction": "sum", "class_weights": None},
        ),
        (
            ["callbacks.sum={_target_: lightning.pytorch.callbacks.ModelSummary, max_depth: 2}"],
            "callbacks.sum",
            {"_target_": "lightning.pytorch.callbacks.ModelSummary", "max_depth": 2},
        ),
        (  # typed before it
            ["optim.optimizer.fused=false", "optim.optimizer={_target_: torch.optim.Adam}"],
            "optim.optimizer",
            {"_target_": "torch.optim.Adam", "_partial_": True, "fused": False},
        ),
        (  # a list may have one alone
            ["data.augment={_target_: albumentations.VerticalFlip}"],
            "data.augment",
            [{"_target_": "albumentations.VerticalFlip"}],
        ),
        (["task={_target_: lightning.LightningModule}"], "task", {"_target_": "lightning.LightningModule"}),
    ],
)
def test_what_is_written_is_all_that_the_new_object_is_given(words: list[str], key: str, found: dict[str, Any]) -> None:
    assert OmegaConf.to_container(OmegaConf.select(compose("train", words), key)) == found


def test_other_overrides_are_left_as_they_are() -> None:
    words = [
        "seed=0,1",
        "loss={reduction: mean}",
        "data.augment=[{_target_: albumentations.HorizontalFlip}]",
        "epochs=3",
    ]
    assert replace_objects("train", words) == words


def test_several_are_swept(command: Command) -> None:
    """Neither has what the file or the other one has: only the key of its own is at fault."""
    words = "loss={_target_: torch.nn.CrossEntropyLoss, smoothing: 1},{_target_: torch.nn.NLLLoss, weigt: 1}"
    outcome = command("train", "-m", "experiment=shapes", "logger=none", words)
    assert outcome.code == 1
    assert "There is no setting 'loss.smoothing', for torch.nn.CrossEntropyLoss takes none such." in outcome.text
    assert "There is no setting 'loss.weigt', for torch.nn.NLLLoss takes none such." in outcome.text


def test_choices_that_are_swept_beside_it_are_of_no_consequence() -> None:
    words = ["model=fcn32s,fcn16s", "seed=0,1", f"loss={SMOOTH}"]
    arranged = replace_objects("train", words)
    assert "~loss.reduction" in arranged
    assert [word for word in arranged if "loss" not in word] == words[:2]


def test_a_fault_beside_it_is_told_as_ever(command: Command) -> None:
    outcome = command("train", "experiment=nowhere", f"loss={SMOOTH}")
    assert outcome.code == 1
    assert "There is no experiment=nowhere" in outcome.text


@pytest.mark.parametrize("group", ["data", "model"])
def test_what_is_new_does_not_go_by_the_name_of_what_was_there(group: str, command: Command) -> None:
    outcome = command("train", f"{group}={{_target_: torch.nn.Identity}}")
    assert outcome.code == 1
    assert f"{group} has no name, by which runs are called: {group}={{_target_: ..., name: mine}}" in outcome.text


def test_the_config_that_is_shown_is_the_one_that_is_used(command: Command) -> None:
    outcome = command("train", "experiment=shapes", f"loss={SMOOTH}", "--cfg", "job", "-p", "loss")
    assert outcome.code == 0, outcome.text
    assert sorted(outcome.text.splitlines()[1:]) == ["_target_: torch.nn.CrossEntropyLoss", "label_smoothing: 0.1"]


def test_the_recorded_overrides_give_the_same_config() -> None:
    """Later stages of a staged training are found by them."""
    config = compose("train", ["experiment=camvid", "data.root=x", f"loss={SMOOTH}"])
    again = compose("train", list(config.overrides))
    assert plain(again) == plain(config)
