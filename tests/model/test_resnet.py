"""ResNet: torchvision's layers and weights, under the paper's names for skips."""

from pathlib import Path

import pytest
import torch
import torchvision
from conftest import TINY, Command
from torchvision.models import get_model
from torchvision.models.feature_extraction import create_feature_extractor

from fcnlab.cli.compose import compose
from fcnlab.error import UserError
from fcnlab.model.fcn import FCN
from fcnlab.model.resnet import ResNet
from fcnlab.model.weights import load_weights

IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
OTHER = {"mean": [0.5, 0.4, 0.3], "std": [0.25, 0.5, 0.2]}


@pytest.mark.parametrize("depth", (18, 34, 50, 101, 152))
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
    with pytest.raises(UserError, match=r"depth=19 is not known.*101, 152, 18, 34, 50"):
        compose("train", ["model/backbone=resnet18", "model.backbone.depth=19"])


def test_it_trains_and_its_checkpoint_gives_the_same_scores(command: Command) -> None:
    words = [word for word in TINY if not word.startswith("model.backbone.")]
    trained = command("train", *words, "model=fcn16s", "model/backbone=resnet18", "trainer.limit_train_batches=1")
    assert trained.code == 0, trained.text
    (checkpoint,) = Path("runs").glob("*/checkpoints/best.ckpt")
    scored = command("evaluate", f"checkpoint={checkpoint}", "trainer.enable_progress_bar=false")
    assert scored.code == 0, scored.text
    assert scored.value["test/mean_iou"] == trained.value["test/mean_iou"]


@pytest.fixture(scope="module")
def resnet(tmp_path_factory: pytest.TempPathFactory) -> tuple[torchvision.models.ResNet, str]:
    """Torchvision's ResNet-18 with random weights and statistics, and its file."""
    torch.manual_seed(0)
    net = torchvision.models.resnet18().eval()
    for name, tensor in net.state_dict().items():
        if name.endswith(("running_mean", "running_var")):
            tensor.uniform_(0.5, 1.5)
    path = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    torch.save(net.state_dict(), path)
    return net, str(path)


def test_a_resnet_is_filled_with_its_batch_norms_and_the_report_names_every_tensor(resnet) -> None:
    theirs, path = resnet
    net = FCN(num_classes=2, backbone=ResNet(depth=18), skips=["pool4"])
    report = load_weights(net, path, **IMAGENET)
    for name, tensor in net.backbone.state_dict().items():
        assert torch.equal(tensor, theirs.state_dict()[name]), name
    assert set(report.copied) == {f"backbone.{name}" for name in net.backbone.state_dict()}
    assert report.coerced == report.bilinear == []
    assert sorted(report.dropped) == ["fc.bias", "fc.weight"]
    assert {name.split(".")[0] for name in report.initial} == {"score_fr", "score_pool4"}


def test_where_the_first_convolution_has_no_bias_the_mean_goes_into_its_batch_norm(resnet) -> None:
    theirs, path = resnet
    net = FCN(num_classes=2, backbone=ResNet(depth=18)).eval().double()
    report = load_weights(net, path, **OTHER)
    assert sorted(report.coerced) == ["backbone.bn1.running_mean", "backbone.conv1.weight"]
    rgb = torch.rand(1, 3, 50, 50).double()
    expected, ours = (
        stem.bn1(stem.conv1((rgb - torch.tensor(n["mean"]).view(1, 3, 1, 1)) / torch.tensor(n["std"]).view(1, 3, 1, 1)))
        for stem, n in ((theirs.double(), IMAGENET), (net.backbone, OTHER))
    )
    theirs.float()
    inside = (..., slice(2, -2), slice(2, -2))  # beyond it the padding is seen, another colour for another mean
    torch.testing.assert_close(ours[inside], expected[inside], rtol=1e-5, atol=1e-5)


def test_a_mean_that_can_go_nowhere_is_refused(resnet) -> None:
    net = FCN(num_classes=2, backbone=ResNet(depth=18))
    net.backbone.bn1 = torch.nn.Identity()
    with pytest.raises(UserError, match=r"neither a bias nor a batch norm.*mean=\(0.485"):
        load_weights(net, resnet[1], **OTHER)
    load_weights(net, resnet[1], **IMAGENET)  # nothing to fold


def test_weights_of_another_resnet_are_refused(resnet) -> None:
    with pytest.raises(UserError, match=r"layer1.0.conv1.weight of shape \(64, 64, 3, 3\).*\(64, 64, 1, 1\)"):
        load_weights(FCN(num_classes=2, backbone=ResNet(depth=50)), resnet[1], **IMAGENET)
