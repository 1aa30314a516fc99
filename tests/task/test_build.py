"""From a config to a task: what a constructor takes it is given, and weights of a checkpoint go where they belong."""

import pytest
import torch
from conftest import Command, Trained
from lightning import LightningModule

from fcnlab.cli.compose import build, compose, plain
from fcnlab.error import UserError
from fcnlab.task.build import build_task, load, see_otherwise
from fcnlab.task.segmentation import SegmentationTask
from fcnlab.task.tiling import TiledNet

QUIET = "trainer.enable_progress_bar=false"
FACTS = {"class_names": ["a", "b", "c"], "palette": [], "mean": [0] * 3, "std": [1] * 3}


class Small(LightningModule):
    """Names two of the things that are offered."""

    def __init__(self, *, num_classes: int, facts: dict, width: int = 1) -> None:
        super().__init__()
        self.told = (num_classes, facts["class_names"], width)


class Plain(LightningModule):
    """May do without what it names."""

    def __init__(self, *, loss: object) -> None:
        super().__init__()
        self.told = loss


class Wider(SegmentationTask):
    """Hands on what it does not name."""

    def __init__(self, *, num_classes: int, **given: object) -> None:
        super().__init__(**given)
        self.told = num_classes


def made(target: str, **settings: object) -> LightningModule:
    config = plain(compose("train", ["model.backbone.width=0.05", "model.backbone.fc_channels=8"]))
    config["task"] = {"_target_": target, **settings}
    net = build(config["model"], num_classes=3)
    return build_task(config, net=net, facts=FACTS, channels_last=False)


def test_a_task_is_given_what_it_names_and_a_subclass_what_its_parent_names() -> None:
    assert made(f"{__name__}.Small", width=5).told == (3, ["a", "b", "c"], 5)
    wider = made(f"{__name__}.Wider", aux_weight=0.5)
    assert (wider.told, wider.aux_weight) == (3, 0.5)
    assert wider.loss.class_weights.shape == (3,)


def test_null_in_the_config_of_a_task_is_no_request_for_ours() -> None:
    assert made(f"{__name__}.Plain").told is not None
    assert made(f"{__name__}.Plain", loss=None).told is None


def test_what_is_no_task_is_refused() -> None:
    with pytest.raises(UserError, match="task builds a dict. It must be a LightningModule"):
        made("builtins.dict")
    with pytest.raises(UserError, match="Cannot build .*Small: .*depth"):
        made(f"{__name__}.Small", depth=5)


def test_another_loss_than_the_trained_one_scores_with_its_own_tensors(trained: Trained, command: Command) -> None:
    words = (f"checkpoint={trained.checkpoint}", QUIET)
    smooth = command("evaluate", *words, "loss=label_smoothing")  # it has no class weights
    assert smooth.code == 0, smooth.text
    assert smooth.value["test/mean_iou"] == trained.value["test/mean_iou"]
    assert smooth.value["test/loss"] != trained.value["test/loss"]


def test_weights_of_other_parts_than_net_and_loss_must_be_there_too(trained: Trained) -> None:
    saved = torch.load(trained.checkpoint, weights_only=True)
    saved["state_dict"]["head.weight"] = torch.zeros(1)
    torch.save(saved, trained.folder / "more.ckpt")
    with pytest.raises(UserError, match="head.weight is unknown"):
        load(trained.folder / "more.ckpt")
    (trained.folder / "more.ckpt").unlink()


def test_tiles_are_taken_by_themselves_where_they_are_exact_only() -> None:
    task = made("fcnlab.task.segmentation.SegmentationTask")
    see_otherwise(task, tile="auto", tta=None)
    assert isinstance(task.net, TiledNet)
    task.net = torch.nn.Conv2d(3, 3, 1)
    see_otherwise(task, tile="auto", tta=None)
    assert not isinstance(task.net, TiledNet)
    see_otherwise(task, tile=64, tta=None)
    assert isinstance(task.net, TiledNet)
