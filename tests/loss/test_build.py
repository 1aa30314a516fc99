"""Losses of YAML are told the number of classes and void under whatever name they take."""

import pytest
import segmentation_models_pytorch as smp
import torch

from fcnlab.cli.compose import compose, plain
from fcnlab.error import UserError
from fcnlab.loss.build import build_loss
from fcnlab.loss.chunked import ChunkedCrossEntropy
from fcnlab.loss.foreign import ForeignLoss


def built(*words: str, classes: int = 5) -> object:
    return build_loss(plain(compose("train", [*words]))["loss"], num_classes=classes)


def test_classes_and_void_go_where_they_are_taken() -> None:
    chunked = built("loss=chunked_cross_entropy")
    assert isinstance(chunked, ChunkedCrossEntropy)  # its parent takes the classes
    assert len(chunked.class_weights) == 5
    smoothed = built("loss=label_smoothing")
    assert isinstance(smoothed, ForeignLoss)
    assert smoothed.loss.ignore_index == 255
    for name, kind in (("dice", smp.losses.DiceLoss), ("focal", smp.losses.FocalLoss)):
        loss = built(f"loss={name}").loss
        assert isinstance(loss, kind)
        assert loss.ignore_index == 255


def test_what_the_config_says_wins() -> None:
    assert built("loss=label_smoothing", "+loss.ignore_index=3").loss.ignore_index == 3


def test_a_sum_holds_what_each_part_needs() -> None:
    loss = built("loss=weighted_sum", "loss.weights.dice=0.5")
    assert loss.parts() == {"cross_entropy": 1.0, "dice": 0.5}
    logits, mask = torch.randn(2, 5, 8, 8), torch.randint(0, 5, (2, 8, 8))
    expected = torch.nn.functional.cross_entropy(logits, mask) + 0.5 * smp.losses.DiceLoss("multiclass")(logits, mask)
    assert loss(logits, mask).item() == pytest.approx(expected.item(), rel=1e-6)


def test_what_is_not_there_is_told() -> None:
    with pytest.raises(UserError, match="Cannot import _target_=torch.nn.CrossEntropyLos"):
        build_loss({"_target_": "torch.nn.CrossEntropyLos"}, num_classes=2)
