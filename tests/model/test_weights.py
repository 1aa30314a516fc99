"""Weights from elsewhere: surgery, folding, and a report that names every tensor once."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision

from fcnlab.error import UserError
from fcnlab.model.checkpoint import SECTIONS
from fcnlab.model.fcn import FCN
from fcnlab.model.source import INPUTS, VGG16_NAMES
from fcnlab.model.vgg import VGG16
from fcnlab.model.weights import load_weights

IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
OTHER = {"mean": [0.5, 0.4, 0.3], "std": [0.25, 0.5, 0.2]}


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> tuple[torchvision.models.VGG, str]:
    """Torchvision's VGG16 with random weights, and its file."""
    torch.manual_seed(0)
    net = torchvision.models.vgg16().eval()
    path = tmp_path_factory.mktemp("weights") / "vgg16.pth"
    torch.save(net.state_dict(), path)
    return net, str(path)


@pytest.mark.slow
def test_convolutionalised_vgg16_is_the_classifier_slid_over_the_image(classifier) -> None:
    theirs, path = classifier
    net = FCN(num_classes=2, backbone=VGG16(padding=1)).eval()  # padding 1: fc6 is not padded
    report = load_weights(net, path, **IMAGENET)
    assert "backbone.fc6.weight" in report.coerced
    with torch.no_grad():
        small = torch.randn(1, 3, 224, 224)
        features = theirs.classifier[:5](theirs.avgpool(theirs.features(small)).flatten(1))
        torch.testing.assert_close(net.backbone(small)["fc7"].flatten(1), features, rtol=1e-4, atol=1e-5)
        large = torch.randn(1, 3, 288, 256)
        grid = theirs.features(large)  # (1, 512, 9, 8): the classifier sees every 7x7 window of it
        ours = net.backbone(large)["fc7"]
        assert ours.shape[-2:] == (3, 2)
        for row in range(3):
            for column in range(2):
                window = grid[..., row : row + 7, column : column + 7].flatten(1)
                torch.testing.assert_close(ours[..., row, column], theirs.classifier[:5](window), rtol=1e-4, atol=1e-5)


def caffe_file(path: Path) -> tuple[str, dict[str, np.ndarray]]:
    """A file with Caffe's names for a net of a twentieth of VGG's width."""
    random, arrays = np.random.default_rng(0), {}
    shapes = {n: m.weight.shape for n, m in VGG16(width=0.05, fc_channels=8).named_modules() if n in VGG16_NAMES}
    for name, shape in shapes.items():
        arrays[f"{name}.weight"] = random.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape).astype(np.float16)
        arrays[f"{name}.bias"] = random.normal(0, 0.1, shape[0]).astype(np.float16)
    np.savez(path, **arrays)
    return str(path), arrays


def test_caffe_weights_see_bgr_minus_mean_through_any_normalisation(tmp_path: Path) -> None:
    path, arrays = caffe_file(tmp_path / "vgg.npz")
    rgb = torch.randint(0, 256, (1, 3, 40, 40)).double()
    bgr = rgb.flip(1) - torch.tensor([103.939, 116.779, 123.68]).view(1, 3, 1, 1)
    kernel, bias = (torch.from_numpy(arrays[f"conv1_1.{t}"].astype(np.float64)) for t in ("weight", "bias"))
    expected = torch.nn.functional.conv2d(bgr, kernel, bias)  # valid: the inside of the padded map
    for given in (IMAGENET, OTHER, OTHER | {"order": "BGR"}, {"mean": [99, 9, 7], "std": [2, 3, 4], "scale": 100}):
        net = FCN(num_classes=2, backbone=VGG16(width=0.05, fc_channels=8))
        report = load_weights(net, path, **given)
        mean, std = (torch.tensor(given[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
        seen = rgb.flip(1) if given.get("order") == "BGR" else rgb
        seen = (seen * given.get("scale", 1) / 255 - mean) / std
        inside = net.backbone.conv1_1.double()(seen)[..., 1:-1, 1:-1]
        assert ((inside - expected).norm() / expected.norm()).item() < 1e-5
        assert sorted(report.coerced) == ["backbone.conv1_1.bias", "backbone.conv1_1.weight"]
        assert "backbone.fc6.weight" in report.initial


def test_what_is_fed_as_it_is_expected_is_not_folded(tmp_path: Path) -> None:
    path, arrays = caffe_file(tmp_path / "vgg.npz")
    net = FCN(num_classes=2, backbone=VGG16(width=0.05, fc_channels=8))
    report = load_weights(net, path, order="BGR", scale=255, mean=[103.939, 116.779, 123.68], std=[1, 1, 1])
    assert report.coerced == []
    assert torch.equal(net.backbone.conv1_1.weight, torch.from_numpy(arrays["conv1_1.weight"].astype(np.float32)))


def test_the_original_weights_fit_the_full_net(test_data: Path) -> None:
    net = FCN(num_classes=2, backbone=VGG16(fc_channels=8))
    report = load_weights(net, str(test_data / "weights" / "vgg16_imagenet_caffe_conv_fp16.npz"), **IMAGENET)
    assert len(report.copied) + len(report.coerced) == 26
    assert {name.rsplit(".", 1)[0] for name in report.initial} == {"backbone.fc6", "backbone.fc7", "score_fr"}


def test_the_report_names_every_tensor_once(classifier) -> None:
    net = FCN(num_classes=2, backbone=VGG16())
    report = load_weights(net, classifier[1], **IMAGENET)
    assert sorted(report.copied + report.coerced + report.initial) == sorted(net.state_dict())
    assert sorted(report.dropped) == ["classifier.6.bias", "classifier.6.weight"]
    assert "dropped 2: classifier.6" in str(report)


def test_weights_of_the_same_input_are_taken_as_they_are(classifier) -> None:
    theirs, path = classifier
    net = FCN(num_classes=2, backbone=VGG16())
    load_weights(net, path, **IMAGENET)
    assert torch.equal(net.backbone.conv1_1.weight, theirs.features[0].weight)


def test_a_net_of_other_classes_is_taken_up_to_its_scores(tmp_path: Path) -> None:
    narrow = {"width": 0.05, "fc_channels": 8}
    theirs = FCN(num_classes=5, backbone=VGG16(**narrow), skips=["pool4", "pool3"])
    for name, tensor in theirs.state_dict().items():
        if name.startswith("score_"):
            tensor.fill_(3)
    torch.save(theirs.state_dict(), tmp_path / "five.pth")
    net = FCN(num_classes=2, backbone=VGG16(**narrow), skips=["pool4", "pool3"])
    scores = [f"{layer}.{part}" for layer in ("score_fr", "score_pool4", "score_pool3") for part in ("weight", "bias")]
    before = {name: net.state_dict()[name].clone() for name in scores}
    report = load_weights(net, str(tmp_path / "five.pth"), expects="torchvision", **IMAGENET)
    assert sorted(report.dropped) == sorted(report.initial) == sorted(scores)
    assert torch.equal(net.backbone.fc7.weight, theirs.backbone.fc7.weight)
    assert all(torch.equal(net.state_dict()[name], before[name]) for name in scores)


def test_a_shape_that_fits_nowhere_is_an_error_with_a_hint(classifier) -> None:
    with pytest.raises(UserError, match=r"conv1_1.weight of shape \(64, 3, 3, 3\).*full width"):
        load_weights(FCN(num_classes=2, backbone=VGG16(width=0.5)), classifier[1], **IMAGENET)


def test_quantized_weights_are_refused(tmp_path: Path) -> None:
    state = make_net().state_dict()
    torch.save(state | {"score_fr.weight": state["score_fr.weight"].to(torch.int8)}, tmp_path / "x.pth")
    with pytest.raises(UserError, match=r"score_fr.weight as whole numbers \(int8\), as quantized nets do"):
        load_weights(make_net(), str(tmp_path / "x.pth"), **IMAGENET)


@pytest.mark.parametrize(
    ("content", "message"), [(b"broken", "Cannot read weights="), (None, "neither a file nor a name")]
)
def test_a_file_that_is_none_is_an_error(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "w.npz"
    if content:
        path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        load_weights(FCN(num_classes=2, backbone=VGG16(width=0.05, fc_channels=8)), str(path), **IMAGENET)


def test_an_unknown_input_is_refused_and_the_known_ones_listed(tmp_path: Path) -> None:
    path, _ = caffe_file(tmp_path / "vgg.npz")
    net = FCN(num_classes=2, backbone=VGG16(width=0.05, fc_channels=8))
    with pytest.raises(UserError, match="Did you mean caffe"):
        load_weights(net, path, **IMAGENET, expects="cafe")
    assert INPUTS["torchvision"].mean == tuple(IMAGENET["mean"])


def test_a_checkpoint_of_another_input_is_folded_too(tmp_path: Path) -> None:
    first, again = (FCN(num_classes=2, backbone=VGG16(width=0.05, fc_channels=8)).double() for _ in range(2))
    facts = {
        "config": {key: {} for key in SECTIONS},
        "class_names": ["a", "b"],
        "palette": [[0, 0, 0]] * 2,
        **IMAGENET,
    }
    content = {"fcnlab": facts, "state_dict": {f"net.{name}": t for name, t in first.state_dict().items()}}
    torch.save(content, tmp_path / "best.ckpt")
    report = load_weights(again, str(tmp_path / "best.ckpt"), **OTHER)
    assert report.initial == report.dropped == []
    rgb = torch.rand(1, 3, 20, 20).double()
    expected, ours = (
        net.backbone.conv1_1((rgb - torch.tensor(n["mean"]).view(1, 3, 1, 1)) / torch.tensor(n["std"]).view(1, 3, 1, 1))
        for net, n in ((first, IMAGENET), (again, OTHER))
    )
    torch.testing.assert_close(ours[..., 1:-1, 1:-1], expected[..., 1:-1, 1:-1], rtol=1e-5, atol=1e-6)


def make_net() -> FCN:
    return FCN(num_classes=3, backbone=VGG16(width=0.05, fc_channels=8), skips=["pool4"])


def test_what_training_scripts_put_around_names_and_tensors_is_left_out(tmp_path: Path) -> None:
    theirs = FCN(num_classes=3, backbone=VGG16(width=0.05, fc_channels=8), skips=["pool4"])
    state = theirs.state_dict()
    files = {
        "parallel": {f"module.{name}": tensor for name, tensor in state.items()},
        "compiled": {f"_orig_mod.{name}": tensor for name, tensor in state.items()},
        "model": {"model": state, "optimizer": {}, "epoch": 3},
        "both": {"state_dict": {f"module.model.{name}": tensor for name, tensor in state.items()}, "epoch": 3},
        "lightning": {"state_dict": {f"net.{n}": t for n, t in state.items()} | {"loss.weight": torch.ones(3)}},
    }
    for name, content in files.items():
        torch.save(content, tmp_path / f"{name}.pth")
        net = make_net()
        report = load_weights(net, str(tmp_path / f"{name}.pth"), **IMAGENET)
        assert report.initial == [], name
        assert report.dropped == (["loss.weight"] if name == "lightning" else []), name
        assert all(torch.equal(tensor, net.state_dict()[key]) for key, tensor in state.items()), name


def test_weights_without_a_name_of_the_net_are_refused_with_the_names_of_both(tmp_path: Path) -> None:
    torch.save({"encoder.a.weight": torch.ones(2), "decoder.b": torch.ones(1)}, tmp_path / "x.pth")
    with pytest.raises(
        UserError, match=r"it has encoder.a.weight, decoder.b; the net has backbone.conv1_1.weight, .* more"
    ):
        load_weights(make_net(), str(tmp_path / "x.pth"), **IMAGENET)


def test_any_net_is_filled(tmp_path: Path) -> None:
    theirs = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    torch.save({f"module.{name}": tensor for name, tensor in theirs.state_dict().items()}, tmp_path / "x.pth")
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    assert load_weights(net, str(tmp_path / "x.pth"), **IMAGENET).initial == []
    assert torch.equal(net[0].weight, theirs[0].weight)
