"""Upsampling kernels in a file of weights: fixed ones are known, learned ones fit or are refused, none is lost."""

from pathlib import Path

import pytest
import torch

from fcnlab.error import UserError
from fcnlab.model.fcn import FCN
from fcnlab.model.vgg import VGG16
from fcnlab.model.weights import load_weights

IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}


def fcn16s_file(path: Path, **tensors: torch.Tensor) -> str:
    """The state dict of a narrow net over three classes, with dense upsampling kernels."""
    own = FCN(num_classes=3, backbone=VGG16(width=0.05, fc_channels=8), skips=["pool4"])
    state = {name.removeprefix("backbone."): tensor for name, tensor in own.state_dict().items()}
    torch.save(state | {"upscore2.weight": dense(4), "upscore16.weight": dense(32)} | tensors, path)
    return str(path)


def dense(size: int) -> torch.Tensor:
    """A bilinear kernel for every class, and zeros between classes."""
    ramp = 1 - (torch.arange(size) - (size - 1) / 2).abs() / (size / 2)
    return torch.outer(ramp, ramp) * torch.eye(3)[:, :, None, None]


def make_net(learned: bool) -> FCN:
    backbone = VGG16(width=0.05, fc_channels=8)
    return FCN(num_classes=3, backbone=backbone, skips=["pool4"], learned_upsampling=learned)


def test_fixed_upsampling_kernels_are_known_and_told(tmp_path: Path) -> None:
    path = fcn16s_file(tmp_path / "x.pth")
    report = load_weights(make_net(learned=False), path, **IMAGENET)
    assert report.bilinear == ["upscore2.weight", "upscore16.weight"]
    assert report.dropped == report.initial == []
    assert "bilinear 2: upscore2, upscore16" in str(report)


def test_a_learned_upsampling_kernel_fits_where_it_is_learned_and_is_never_lost(tmp_path: Path) -> None:
    learned = dense(4) * torch.tensor([1.0, 1.1, 0.9]).view(3, 1, 1, 1)
    path = fcn16s_file(tmp_path / "x.pth", **{"upscore2.weight": learned})
    with pytest.raises(UserError, match=r"upscore2.weight of shape \(3, 3, 4, 4\).*learned_upsampling=true"):
        load_weights(make_net(learned=False), path, **IMAGENET)
    net = make_net(learned=True)
    report = load_weights(net, path, **IMAGENET)
    assert "upscore2.weight" in report.coerced
    score = torch.randn(1, 3, 5, 6)
    expected = torch.nn.functional.conv_transpose2d(score, learned, stride=2)
    torch.testing.assert_close(net.upscore2(score, start=0, height=12, width=14), expected)


@pytest.mark.parametrize(
    "kernels",
    [
        {"upscore16.weight": 1.1 * dense(32)},  # the last one is always fixed
        {"upscore2.weight": dense(4) + 0.01},  # classes mixed
        {"upscore8.weight": 1.1 * dense(16)},  # of another variant
        {"upscore2.weight": dense(4)[..., :3]},
    ],
    ids=["last", "mixed", "foreign", "cut"],
)
def test_an_upsampling_that_the_net_cannot_have_is_refused(kernels: dict[str, torch.Tensor], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="this upsampling was learned"):
        load_weights(make_net(learned=True), fcn16s_file(tmp_path / "x.pth", **kernels), **IMAGENET)
