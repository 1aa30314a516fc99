"""ResNet: torchvision's layers and values, under the paper's names for skips."""

from pathlib import Path

import pytest
import torch
import torchvision
from conftest import TINY, Command
from torchvision.models import get_model
from torchvision.models.feature_extraction import create_feature_extractor

from fcnlab.error import UserError
from fcnlab.model.resnet import DEPTHS, ResNet


@pytest.mark.parametrize("depth", DEPTHS)
def test_parameters_are_torchvisions_without_the_classifier(depth: int) -> None:
    with torch.device("meta"):
        ours, theirs = ResNet(depth=depth).state_dict(), get_model(f"resnet{depth}", weights=None).state_dict()
    expected = {name: tensor.shape for name, tensor in theirs.items() if not name.startswith("fc.")}
    assert {name: tensor.shape for name, tensor in ours.items()} == expected


def test_features_equal_torchvisions_layers() -> None:
    theirs = torchvision.models.resnet18().eval()
    ours = ResNet(depth=18).eval()
    ours.load_state_dict(theirs.state_dict(), strict=False)
    extractor = create_feature_extractor(theirs, {"layer2": "pool3", "layer3": "pool4", "layer4": "layer4"})
    image = torch.randn(1, 3, 70, 45)
    expected = extractor(image)
    for name, feature in ours(image).items():
        torch.testing.assert_close(feature, expected[name])


def test_another_depth_is_refused_and_the_known_ones_listed() -> None:
    with pytest.raises(UserError, match=r"depth=19 is no ResNet.*18, 34, 50"):
        ResNet(depth=19)


def test_it_trains_and_its_checkpoint_gives_the_same_scores(command: Command) -> None:
    words = [word for word in TINY if not word.startswith("model.trunk.")]
    trained = command("train", *words, "model=fcn16s", "model/trunk=resnet18", "trainer.limit_train_batches=1")
    assert trained.code == 0, trained.text
    (checkpoint,) = Path("runs").glob("*/checkpoints/best.ckpt")
    scored = command("evaluate", f"checkpoint={checkpoint}", "trainer.enable_progress_bar=false")
    assert scored.code == 0, scored.text
    assert scored.value["test/mean_iou"] == trained.value["test/mean_iou"]
