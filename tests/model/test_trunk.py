"""What a trunk promises is what it does: features of the channels and strides it declares."""

import pytest
import torch

from fcnlab.model.trunk import Trunk
from fcnlab.model.vgg import VGG16


def test_features_have_the_declared_channels_and_strides() -> None:
    trunk = VGG16(width=0.05, fc_channels=16)
    maps = trunk(torch.zeros(1, 3, 64, 96))
    assert list(maps) == list(trunk.features)
    for name, feature in trunk.features.items():
        assert maps[name].shape == (1, feature.channels, 64 // feature.stride, 96 // feature.stride)


@pytest.mark.parametrize("padding", ["same", 1, 100])
def test_a_feature_lies_where_its_offset_says(padding: str | int) -> None:
    # Light one pixel: the response's centre of mass, in input pixels, is where that pixel is. All weights equal.
    trunk = VGG16(width=0.02, fc_channels=2, dropout=0.0, padding=padding).double()
    for name, parameter in trunk.named_parameters():
        parameter.data.fill_(1.0 if name.endswith("weight") else 0.0)
    trunk.pool = torch.nn.AvgPool2d(2, 2, ceil_mode=True)  # linear, so that responses add up
    size, row = 640, 330
    image = torch.zeros(1, 3, size, size, dtype=torch.float64)
    for shift in range(32):  # average over the phases of the grid
        image[:, :, row + shift, :] = 1.0
    for name, response in trunk(image).items():
        feature = trunk.features[name]
        profile = response[0, 0, :, response.shape[-1] // 2]
        places = feature.stride * torch.arange(len(profile)) + feature.offset
        assert ((profile * places).sum() / profile.sum()).item() == pytest.approx(row + 15.5, abs=1e-3)


def test_a_trunk_without_forward_says_so() -> None:
    with pytest.raises(NotImplementedError):
        Trunk()(torch.zeros(1, 3, 8, 8))
