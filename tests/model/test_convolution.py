"""Calls that torch computes wrongly are avoided, with the same results, in every shipped net."""

from typing import Any

import pytest
import torch
from model.test_backbone import BACKBONES, narrow
from torch import nn

from fcnlab.cli.compose import CONF, build, compose
from fcnlab.model.convolution import CarefulConv2d, make_careful

FOREIGN = sorted(path.stem for path in (CONF / "model").glob("*.yaml") if "[foreign" in path.read_text())


def shipped(name: str) -> nn.Module:
    """FCN-8s over a backbone at its full width, without memory for its weights; or a net of another library."""
    if name in FOREIGN:
        return build(compose("train", [f"model={name}"]).model, num_classes=2)  # type: ignore[no-any-return]
    words = ["model=fcn8s", *(narrow(name) if name == "timm" else [f"model/backbone={name}"])]
    with torch.device("cpu" if name == "timm" else "meta"):
        return build(compose("train", words).model, num_classes=2)  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", [*BACKBONES, *FOREIGN])
def test_no_layer_of_a_shipped_net_makes_the_call_that_overruns_its_memory(name: str) -> None:
    for layer, conv in shipped(name).named_modules():
        if isinstance(conv, nn.Conv2d) and conv.kernel_size == (1, 1) and conv.bias is not None:
            assert conv.in_channels <= 2048 or conv.out_channels >= 16 or isinstance(conv, CarefulConv2d), layer


def test_a_bias_that_would_overrun_is_added_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = nn.Conv2d(2049, 15, 1)
    careful = nn.Conv2d(2049, 15, 1)
    careful.load_state_dict(plain.state_dict())
    net = nn.Sequential(careful)
    make_careful(net)
    x = torch.randn(2, 2049, 3, 2)
    torch.testing.assert_close(net(x), plain(x))
    biases: list[Any] = []
    inner = nn.functional.conv2d
    monkeypatch.setattr(nn.functional, "conv2d", lambda x, w, b, *more: [biases.append(b), inner(x, w, b, *more)][1])
    net(x).sum().backward()
    assert biases == [None]
    assert careful.bias.grad.tolist() == [12.0] * 15
    assert net.state_dict().keys() == {"0.weight", "0.bias"}


@pytest.mark.parametrize(
    "settings",
    [
        {"kernel_size": 3, "padding": 12, "dilation": 12},
        {"kernel_size": 7, "padding": 3, "stride": 2},
        {"kernel_size": (1, 7), "padding": (0, 3)},
        {"kernel_size": 3, "padding": 1, "groups": 2},
    ],
)
@pytest.mark.parametrize("size", [(1, 1), (2, 5), (13, 3), (30, 31)])
def test_weights_that_only_meet_padding_get_no_gradient_and_results_stay(settings: dict, size: tuple[int, int]) -> None:
    plain = nn.Conv2d(8, 16, **settings)
    careful = nn.Conv2d(8, 16, **settings)
    careful.load_state_dict(plain.state_dict())
    make_careful(careful)
    assert isinstance(careful, CarefulConv2d)
    image = torch.randn(2, 8, *size)
    torch.testing.assert_close(careful(image), plain(image))
    plain(image).square().sum().backward()
    for _ in range(10):
        # Rubbish where the gradient may be put.
        rubbish = [torch.full_like(plain.weight, float("nan"), dtype=t) for t in (torch.bfloat16, torch.float32)]
        del rubbish
        careful.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            careful(image).float().square().sum().backward()
        assert not careful.weight.grad[plain.weight.grad == 0].any()  # nan counts as any
        torch.testing.assert_close(
            careful.weight.grad, plain.weight.grad, rtol=0.1, atol=0.03 * plain.weight.grad.max()
        )


def test_in_training_every_weight_meets_the_map(monkeypatch: pytest.MonkeyPatch) -> None:
    # What a gradient is without that depends on the machine and on what was in memory.
    seen: list[torch.Size] = []
    inner = nn.functional.conv2d
    monkeypatch.setattr(nn.functional, "conv2d", lambda x, *more: [seen.append(x.shape[-2:]), inner(x, *more)][1])
    for settings, size in (
        ({"padding": 12, "dilation": 12}, 13),
        ({"padding": 1, "stride": 2}, 3),
        ({"padding": 1}, 2),
    ):
        conv = nn.Conv2d(2, 2, 3, **settings)
        make_careful(conv)
        for length in (1, size - 1, size, size + 4):
            conv.train()(torch.zeros(1, 2, length, 1))
            conv.eval()(torch.zeros(1, 2, length, 1))
            assert [tuple(shape) for shape in seen[-2:]] == [(max(length, size), size), (length, 1)]
