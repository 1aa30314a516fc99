"""FCN: the authors' logits, the paper's crops, any size, and skips that are the only difference."""

import functools
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

from fcnlab.cli.compose import CONF, build, compose
from fcnlab.error import UserError
from fcnlab.model.fcn import FCN
from fcnlab.model.vgg import VGG16

CONTROL = "fcn32s_control"  # FCN-32s under another name
OTHERS = (CONTROL, "fcn_resnet50", "fcn32s_late", "fcn16s_late")
VARIANTS = sorted(path.stem for path in (CONF / "model").glob("fcn*s*.yaml") if path.stem not in OTHERS)
GOLDEN = Path(__file__).with_name("golden_logits.npz")
SIZES = {"seed0_33x57": (0, 33, 57), "seed1_64x64": (1, 64, 64), "seed2_97x130": (2, 97, 130)}


@functools.cache
def formula(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """A parameter's values follow from its Caffe name."""
    values = np.random.RandomState(zlib.crc32(name.encode()) & 0xFFFFFFFF).standard_normal(shape)
    scale = np.sqrt(2 / np.prod(shape[1:])) if len(shape) > 1 else 0.1
    return torch.from_numpy((values * scale).astype(np.float32))


def formula_weights(net: FCN) -> FCN:
    """Give every parameter the value that its name implies."""
    for name, parameter in net.named_parameters():
        parameter.data.copy_(formula(name.removeprefix("backbone."), tuple(parameter.shape)))
    return net.eval()


def formula_image(seed: int, height: int, width: int) -> torch.Tensor:
    values = 50 * np.random.RandomState(seed).standard_normal((1, 3, height, width))
    return torch.from_numpy(values.astype(np.float32))


def variant(name: str, *overrides: str, classes: int = 5) -> FCN:
    net = build(compose("train", [f"model={name}", *overrides]).model, num_classes=classes)
    assert isinstance(net, FCN)
    return net


def relative_error(result: np.ndarray, reference: np.ndarray) -> float:
    return float(np.linalg.norm(result - reference) / np.linalg.norm(reference))


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_logits_agree_with_an_independent_implementation(name: str, test_data: Path) -> None:
    reference = np.load(test_data / "reference" / "fcn_reference_logits.npz")
    net = formula_weights(variant(name, "model.backbone.padding=100"))
    for key, place in SIZES.items():
        with torch.no_grad():
            logits = net(formula_image(*place))[0].numpy()
        assert relative_error(logits, reference[f"{name}/{key}"]) < 1e-5


@pytest.mark.parametrize("name", VARIANTS)
def test_logits_of_a_narrow_net_are_the_golden_ones(name: str) -> None:
    # tests/model/golden_logits.npz was written by this net after it agreed with the independent implementation.
    net = formula_weights(
        variant(name, "model.backbone.padding=100", "model.backbone.width=0.05", "model.backbone.fc_channels=16")
    )
    with torch.no_grad():
        logits = net(formula_image(*SIZES["seed0_33x57"]))[0].numpy()
    assert relative_error(logits, np.load(GOLDEN)[name]) < 1e-5


@pytest.mark.parametrize(
    ("padding", "shifts"),
    [
        (100, {"fcn32s": [19], "fcn16s": [-5, 27], "fcn8s": [-5, -9, 31]}),
        ("same", {"fcn32s": [16], "fcn16s": [1, 8], "fcn8s": [1, 1, 4]}),
    ],
)
def test_crops_follow_from_the_geometry(padding: str | int, shifts: dict[str, list[int]]) -> None:
    # The prototxts crop the upsampled score by 19, 27, 31 and the skips by 5 and 9.
    for name, expected in shifts.items():
        net = variant(
            name, f"model.backbone.padding={padding}", "model.backbone.width=0.02", "model.backbone.fc_channels=4"
        )
        assert [net.get_submodule(upsampling).shift for upsampling in net.upsamplings] == expected


def test_layers_have_the_papers_names_and_start_at_zero() -> None:
    net = variant("fcn8s", "model.backbone.width=0.02", "model.backbone.fc_channels=4")
    assert net.upsamplings == ["upscore2", "upscore_pool4", "upscore8"]
    for name in ("score_fr", "score_pool4", "score_pool3"):
        assert not net.get_submodule(name).weight.any()
        assert not net.get_submodule(name).bias.any()


@pytest.mark.parametrize(
    ("skips", "scale", "message"),
    [
        (["pool5"], {}, "Did you mean pool4 or pool3"),
        (["pool3", "pool4"], {}, "from coarse to fine"),
        (["pool4"], {"pool3": 0.1}, "is not a skip"),
    ],
)
def test_impossible_skips_are_refused(skips: list[str], scale: dict[str, float], message: str) -> None:
    with pytest.raises(UserError, match=message):
        FCN(num_classes=2, backbone=VGG16(width=0.02, fc_channels=4), skips=skips, skip_scale=scale)


def test_the_control_is_fcn32s_under_another_name() -> None:
    control, fcn32s = (dict(compose("train", [f"model={name}"]).model) for name in (CONTROL, "fcn32s"))
    assert control.pop("name") == CONTROL
    assert fcn32s.pop("name") == "fcn32s"
    assert control == fcn32s


def test_scales_measured_over_one_backbone_hold_over_no_other() -> None:
    scale = {"vgg16": {"pool4": 0.5}, "resnet18": {"pool4": 2.0}}
    for name, expected in (("vgg16", {"pool4": 0.5}), ("vgg16_narrow", {}), ("resnet18", {"pool4": 2.0})):
        backbone = VGG16(width=0.02, fc_channels=4, name=name)
        assert FCN(num_classes=2, backbone=backbone, skips=["pool4"], skip_scale=scale).skip_scale == expected
        own = FCN(num_classes=2, backbone=backbone, skips=["pool4"], skip_scale=scale | {"pool4": 3.0})
        assert own.skip_scale == {"pool4": 3.0}
    assert variant("fcn8s_atonce", "model.backbone.width=0.02").skip_scale == {"pool4": 0.01, "pool3": 0.0001}
    assert variant("fcn8s_atonce", "model/backbone=resnet18").skip_scale == {}


def test_images_of_other_channels_are_refused_in_words() -> None:
    net = FCN(num_classes=2, backbone=VGG16(width=0.02, fc_channels=4, in_channels=4))
    with pytest.raises(UserError, match=r"have 3 channels, but the net takes 4. Set model.backbone.in_channels=3"):
        net(torch.zeros(1, 3, 32, 32))
