"""Measured offsets are those that kernels, strides and padding give, whatever mixes the whole image on the way."""

import pytest
import torch
from torch import nn

from fcnlab.error import UserError
from fcnlab.model.geometry import measure_offsets, receptive_field


class Gated(nn.Module):
    """Each channel is scaled by what the whole map says of it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * x.mean((2, 3), keepdim=True).sigmoid()


class Attentive(nn.Module):
    """Every position looks at all others, by a softmax or by torch's own attention."""

    def __init__(self, own: bool) -> None:
        super().__init__()
        self.own = own

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = x.flatten(2).transpose(1, 2)
        if self.own:
            mixed = (tokens @ tokens.transpose(1, 2)).softmax(-1) @ tokens
        else:
            mixed = nn.functional.scaled_dot_product_attention(tokens, tokens, tokens)
        return x + mixed.transpose(1, 2).reshape(x.shape)


@pytest.mark.parametrize(
    ("layers", "offset"),
    [
        ([nn.Conv2d(3, 8, 3, 2, 1)], 0.0),
        ([nn.Conv2d(3, 8, 3, 2)], 1.0),
        ([nn.Conv2d(3, 8, 2, 2)], 0.5),
        ([nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(3, 8, 3, 2)], 1.0),
        ([nn.Conv2d(3, 8, 3, 1, 1), nn.MaxPool2d(2)], 0.5),
        ([nn.Conv2d(3, 8, 3, 2, 1, groups=1), nn.Conv2d(8, 8, 5, 1, 2, groups=8)], 0.0),
        ([nn.Conv2d(3, 8, 3, 2, 1), nn.GroupNorm(2, 8), nn.ReLU(), nn.Conv2d(8, 4, 3, padding=2, dilation=2)], 0.0),
        ([nn.Conv2d(3, 8, 3, 2), Gated()], 1.0),
        ([nn.Conv2d(3, 8, 3, 2), Attentive(own=True)], 1.0),
        ([nn.Conv2d(3, 8, 3, 2), Attentive(own=False), nn.SiLU()], 1.0),
    ],
)
def test_an_offset_is_the_one_of_kernels_strides_and_padding(layers: list[nn.Module], offset: float) -> None:
    net = nn.Sequential(*layers, nn.Conv2d(net_channels(layers), 4, 1))
    # Two scales at once; the second convolution adds two strides of its own offset.
    coarse = nn.Conv2d(4, 4, 3, 4)

    def forward(image: torch.Tensor) -> list[torch.Tensor]:
        fine = net(image)
        return [fine, coarse(fine)]

    assert measure_offsets(forward, channels=3, strides=[2, 8]) == pytest.approx([offset, offset + 2], abs=0.02)


def net_channels(layers: list[nn.Module]) -> int:
    return [layer.out_channels for layer in layers if isinstance(layer, nn.Conv2d)][-1]


def test_paths_of_different_offsets_give_the_position_between_them() -> None:
    main, short = nn.Conv2d(3, 4, 3, 2, 1), nn.AvgPool2d(2)  # 0 and half a pixel, as in ResNet-D
    (found,) = measure_offsets(lambda x: [main(x) + short(x)[:, :1]], channels=3, strides=[2])
    assert found == pytest.approx(0.25, abs=0.15)


def test_a_feature_that_sees_the_whole_image_alike_is_refused() -> None:
    stem = nn.Conv2d(3, 4, 2, 2)
    with pytest.raises(UserError, match="sees the whole image alike"):
        measure_offsets(lambda x: [stem(x).flip(3) * 0 + torch.cumsum(stem(x), 3)[..., -1:]], channels=3, strides=[2])


@pytest.mark.parametrize(
    ("layers", "field"),
    [
        ([nn.Conv2d(2, 4, 3, 2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(4, 1, 5)], 3 + 2 * 2 + 4 * 4),
        ([nn.Conv2d(2, 4, 3, dilation=2), nn.BatchNorm2d(4), nn.Conv2d(4, 1, 6, 4, padding=40)], 5 + 5),
        ([nn.ConstantPad2d(1, -torch.inf), nn.MaxPool2d(3, 2), nn.Conv2d(2, 1, 3, padding=1)], 3 + 2 * 2),
    ],
)
def test_a_receptive_field_follows_from_kernels_and_strides(layers: list[nn.Module], field: int) -> None:
    assert receptive_field(nn.Sequential(*layers), channels=2, stride=4) == field
