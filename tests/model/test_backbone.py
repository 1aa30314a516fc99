"""What a backbone promises is what it does: features of the channels, strides and positions it declares. By glob."""

import math

import pytest
import torch

from fcnlab.cli.compose import CONF, build, compose
from fcnlab.error import UserError
from fcnlab.model.backbone import Backbone
from fcnlab.model.googlenet import GoogLeNet

BACKBONES = sorted(path.stem for path in (CONF / "model" / "backbone").glob("*.yaml"))
NARROW = {"width": 0.05, "fc_channels": 16}  # where a backbone has such settings


def narrow(backbone: str, **settings: object) -> list[str]:
    """Choose a backbone, as cheap as its settings allow; ``settings`` too are set where it has them."""
    known = compose("train", [f"model/backbone={backbone}"]).model.backbone
    wanted = {key: value for key, value in (NARROW | settings).items() if key in known}
    return [f"model/backbone={backbone}", *(f"model.backbone.{key}={value}" for key, value in wanted.items())]


def build_backbone(backbone: str, **settings: object) -> Backbone:
    return build(compose("train", narrow(backbone, **settings)).model.backbone)  # type: ignore[no-any-return]


def averaged(x: torch.Tensor, kernel: int) -> torch.Tensor:
    """GoogLeNet's pool, linear."""
    beyond = [-size % 2 + kernel - 2 for size in (x.shape[-1], x.shape[-2])]
    return torch.nn.functional.avg_pool2d(torch.nn.functional.pad(x, (0, beyond[0], 0, beyond[1])), kernel, 2)


@pytest.mark.parametrize("name", BACKBONES)
def test_features_have_the_declared_channels_and_strides(name: str) -> None:
    backbone = build_backbone(name)
    for height, width in ((64, 96), (33, 70)):
        maps = backbone(torch.zeros(2, 3, height, width))
        assert list(maps) == list(backbone.features)
        for key, feature in backbone.features.items():
            size = math.ceil(height / feature.stride), math.ceil(width / feature.stride)
            assert maps[key].shape[:2] == (2, feature.channels)
            assert all(have >= need for have, need in zip(maps[key].shape[2:], size, strict=True))
            assert maps[key].shape[2:] == size or (name == "timm" and height % 32)  # which pads the image


@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_offers_the_papers_skips(name: str) -> None:
    backbone = build_backbone(name)
    assert {key: feature.stride for key, feature in backbone.features.items()} == {
        "pool3": 8,
        "pool4": 16,
        backbone.coarse: 32,
    }
    assert backbone.get_submodule(backbone.first).in_channels == 3


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        *((name, {}) for name in BACKBONES),
        ("vgg16", {"padding": 1}),
        ("vgg16", {"padding": 100}),
        ("alexnet", {"padding": 2}),
    ],
)
def test_a_feature_lies_where_its_offset_says(
    name: str, settings: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The middle of what an element sees, by its gradient in a chunk of pixels, when every weight is the same.
    monkeypatch.setattr("fcnlab.model.googlenet.pool", averaged)
    backbone = build_backbone(name, **settings).double().eval()
    for key, parameter in backbone.named_parameters():
        parameter.data.fill_(1 / parameter[0].numel() if key.endswith("weight") else 0.0)
    for parent in list(backbone.modules()):  # an average is linear, a maximum is not
        for key, pool in parent.named_children():
            if isinstance(pool, torch.nn.MaxPool2d):
                average = torch.nn.AvgPool2d(pool.kernel_size, pool.stride, pool.padding, ceil_mode=pool.ceil_mode)
                setattr(parent, key, average)
    pixels = torch.arange(1100.0, dtype=torch.float64)
    rows = 224 if settings else 1  # without fc6's padding, its 7x7 kernel needs that many
    chunk = torch.ones(1, 3, rows, len(pixels), dtype=torch.float64, requires_grad=True)
    maps = backbone(chunk)
    for key, feature in backbone.features.items():
        middle = maps[key].shape[-1] // 2
        row = maps[key].shape[-2] // 2
        (seen,) = torch.autograd.grad(maps[key][0, :, row, middle].sum(), chunk, retain_graph=True)
        profile = seen[0].sum((0, 1))
        assert profile[0] == profile[-1] == 0, "the chunk is too short"
        centre = ((profile * pixels).sum() / profile.sum()).item()
        assert centre == pytest.approx(feature.stride * middle + feature.offset, abs=1e-6)


def test_a_backbone_without_forward_says_so() -> None:
    with pytest.raises(NotImplementedError):
        Backbone()(torch.zeros(1, 3, 8, 8))


@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize("name", BACKBONES)
def test_images_of_other_channels_go_in_and_no_others(name: str, channels: int) -> None:
    net = build(compose("train", ["model=fcn8s", *narrow(name, in_channels=channels)]).model, num_classes=2).eval()
    assert net(torch.zeros(1, channels, 33, 40)).shape == (1, 2, 33, 40)
    with pytest.raises(UserError, match=f"have 3 channels, but the net takes {channels}. Set model.backbone.in_chan"):
        net(torch.zeros(1, 3, 33, 40))


@pytest.mark.parametrize("channels", [0, -1, 1.0, "3"])
def test_a_number_of_channels_that_is_none_is_refused(channels: object) -> None:
    with pytest.raises(UserError, match="in_channels=.* is not a whole number, 1 or more"):
        GoogLeNet(in_channels=channels)
