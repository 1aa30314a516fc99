"""VGG16: torchvision's layers under the paper's names, with the paper's pooling and dropout."""

import pytest
import torch
import torchvision
from torch import nn

from fcnlab.cli.compose import compose
from fcnlab.error import UserError
from fcnlab.model.vgg import VGG16


def test_shapes_of_all_parameters_are_torchvisions() -> None:
    with torch.device("meta"):
        ours, theirs = VGG16(), torchvision.models.vgg16()
    convolutions = [tuple(m.weight.shape) for m in theirs.features if isinstance(m, nn.Conv2d)]
    assert [tuple(p.shape) for n, p in ours.named_parameters() if "conv" in n and n.endswith("weight")] == convolutions
    assert ours.fc6.weight.shape == (4096, 512, 7, 7)
    assert ours.fc7.weight.shape == (4096, 4096, 1, 1)


def test_features_equal_torchvisions_on_a_size_that_pools_evenly() -> None:
    theirs = torchvision.models.vgg16().features.eval()
    ours = VGG16(fc_channels=8).eval()
    convolutions = [m for m in theirs if isinstance(m, nn.Conv2d)]
    names = [name for stage in ours.stages for name in stage]
    for name, convolution in zip(names, convolutions, strict=True):
        ours.get_submodule(name).load_state_dict(convolution.state_dict())
    image = torch.randn(1, 3, 64, 32)
    torch.testing.assert_close(ours(image)["pool4"], theirs[:24](image))


def test_pools_round_up_as_caffe_does() -> None:
    assert VGG16(width=0.02, fc_channels=4)(torch.zeros(1, 3, 65, 1))["fc7"].shape[-2:] == (3, 1)


def test_dropout_is_drawn_per_element_not_per_channel() -> None:
    backbone = VGG16(width=0.02, fc_channels=64, dropout=0.5).train()
    nn.init.ones_(backbone.fc7.bias)
    nn.init.zeros_(backbone.fc7.weight)
    dropped = backbone(torch.zeros(1, 3, 128, 128))["fc7"] == 0  # (1, 64, 4, 4)
    per_channel = dropped.flatten(2).float().mean(-1)
    assert 0.4 < dropped.float().mean() < 0.6
    assert ((per_channel > 0) & (per_channel < 1)).float().mean() > 0.9


@pytest.mark.parametrize("padding", ["valid", 0, 1.5])
def test_another_padding_is_refused(padding: object) -> None:
    with pytest.raises(UserError, match="is not same or a whole number, 1 or more"):
        compose("train", [f"model.backbone.padding={padding}"])


def test_batch_norm_follows_every_convolution() -> None:
    backbone = VGG16(width=0.02, fc_channels=4, batch_norm=True)
    assert sum(isinstance(m, nn.BatchNorm2d) for m in backbone.modules()) == 15


@pytest.mark.parametrize("pixels", [16, 32, 64])
def test_weights_that_only_meet_padding_get_no_gradient(pixels: int) -> None:
    backbone = VGG16(width=0.25, fc_channels=256, dropout=0.0).to(memory_format=torch.channels_last)
    reach = pixels // 33 + 1  # cells of pool5; fc6's weights further from its centre meet padding alone
    unused = torch.ones(7, 7, dtype=torch.bool)
    unused[4 - reach : 3 + reach, 4 - reach : 3 + reach] = False
    for _ in range(10):
        # Rubbish where the gradient may be put.
        rubbish = [torch.full_like(backbone.fc6.weight, float("nan"), dtype=t) for t in (torch.bfloat16, torch.float32)]
        del rubbish
        backbone.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            backbone(torch.randn(4, 3, pixels, pixels))["fc7"].float().square().mean().backward()
        assert not backbone.fc6.weight.grad[..., unused].any()  # nan counts as any
        assert all(parameter.grad.isfinite().all() for parameter in backbone.parameters())


@pytest.mark.parametrize("size", [(1, 1), (16, 40), (64, 97)])
@pytest.mark.parametrize("padding", ["same", 100])
def test_training_computes_what_scoring_does(padding: str | int, size: tuple[int, int]) -> None:
    backbone = VGG16(width=0.02, fc_channels=4, dropout=0.0, padding=padding)
    image = torch.randn(2, 3, *size)
    for name, scored in backbone.eval()(image).items():
        torch.testing.assert_close(backbone.train()(image)[name], scored)
