"""What every backbone x variant keeps to, by glob over conf/model: a new backbone or variant is tested by existing."""

from pathlib import Path

import pytest
import torch
import torchvision
from model.test_backbone import BACKBONES, narrow
from model.test_fcn import VARIANTS

from fcnlab.cli.compose import build, compose, plain
from fcnlab.model.backbone import Feature
from fcnlab.model.fcn import FCN
from fcnlab.task.build import build_task, load

CLASSES = 3
FAST = ("fcn32s", "fcn8s")  # over each backbone; the others too over VGG16, all over all of them in make test-slow
every_net = pytest.mark.parametrize(
    ("backbone", "variant"),
    [
        pytest.param(b, v, marks=() if b == "vgg16" or (v in FAST and b != "resnet50") else pytest.mark.slow)
        for b in BACKBONES
        for v in VARIANTS
    ],
)


def make(backbone: str, variant: str, **settings: object) -> FCN:
    config = compose("train", [f"model={variant}", *narrow(backbone, **settings)])
    return build(config.model, num_classes=CLASSES)  # type: ignore[no-any-return]


@every_net
def test_any_size_goes_in_and_comes_out(backbone: str, variant: str) -> None:
    net = make(backbone, variant).eval()
    for height, width in ((1, 1), (2, 33), (31, 32), (65, 7), (97, 130)):
        assert net(torch.randn(2, 3, height, width)).shape == (2, CLASSES, height, width)


@pytest.mark.parametrize("variant", VARIANTS)
def test_with_the_papers_padding_too(variant: str) -> None:
    net = make("vgg16", variant, padding=100).eval()
    for height, width in ((1, 1), (31, 65)):
        assert net(torch.randn(1, 3, height, width)).shape == (1, CLASSES, height, width)


def tents(positions: torch.Tensor, sources: torch.Tensor, stride: int) -> torch.Tensor:
    """Bilinear interpolation along one axis: the share (P, S) of every source in every position, both in pixels."""
    return (1 - (positions[:, None] - sources).abs() / stride).clamp(min=0)


@every_net
def test_skips_that_are_zero_leave_the_coarse_prediction_alone(backbone: str, variant: str) -> None:
    # Written out by where elements lie: neither kernels nor crops.
    net = make(backbone, variant).eval()
    torch.nn.init.normal_(net.score_fr.weight)
    image = torch.randn(1, 3, 70, 45)
    maps = net.backbone(image)
    at = net.backbone.features[net.backbone.coarse]
    score = net.score_fr(maps[net.backbone.coarse])
    for feature in (*(net.backbone.features[skip] for skip in net.skips), Feature(channels=3, stride=1, offset=0.0)):
        skip = next((key for key, known in net.backbone.features.items() if known is feature), None)
        sizes = maps[skip].shape[-2:] if skip else image.shape[-2:]
        down, across = (
            tents(
                feature.stride * torch.arange(size) + feature.offset, at.stride * torch.arange(n) + at.offset, at.stride
            )
            for size, n in zip(sizes, score.shape[-2:], strict=True)
        )
        score, at = down @ score @ across.T, feature
    torch.testing.assert_close(net(image), score, rtol=1e-4, atol=1e-4 * score.abs().max().item())


@every_net
def test_one_batch_can_be_memorised(backbone: str, variant: str) -> None:
    net = make(backbone, variant, dropout=0, fc_channels=64).train()
    image = torch.randn(2, 3, 64, 64)
    mask = torch.zeros(2, 64, 64, dtype=torch.long)
    mask[0, :, 32:], mask[1, 32:], mask[:, :2] = 1, 2, 255
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    for _ in range(60):
        logits = net(image)
        known = mask != 255
        accuracy = (logits.argmax(1) == mask)[known].float().mean().item()
        if accuracy > 0.9:
            break
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(logits, mask, ignore_index=255).backward()
        optimizer.step()
    assert accuracy > 0.9


@every_net
def test_a_checkpoint_brings_the_net_back(backbone: str, variant: str, tmp_path: Path) -> None:
    config = plain(compose("train", [f"model={variant}", *narrow(backbone)]))
    net = build(config["model"], num_classes=CLASSES)
    for tensor in net.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape) / tensor[..., :1].numel() ** 0.5)
    facts = {"class_names": ["a", "b", "c"], "palette": [[0, 0, 0]] * 3, "mean": [0.5] * 3, "std": [0.5] * 3}
    task = build_task(config, net=net, facts=facts, channels_last=False)
    torch.save({"state_dict": task.state_dict(), "fcnlab": {"config": config, **facts}}, tmp_path / "x.ckpt")
    back = load(tmp_path / "x.ckpt")
    image = torch.randn(1, 3, 40, 33)
    assert torch.equal(back.eval()(image), task.eval()(image))


LEARNED = {"fcn32s": 134_346_581, "fcn16s": 134_357_354, "fcn8s": 134_362_751, "fcn8s_atonce": 134_362_751}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("backbone", ["vgg16", "resnet18", "resnet50"])
def test_the_learned_parameters_are_the_papers_and_torchvisions(backbone: str, variant: str) -> None:
    with torch.device("meta"):
        net = build(compose("train", [f"model={variant}", f"model/backbone={backbone}"]).model, num_classes=21)
        counted = sum(p.numel() for p in net.parameters() if p.requires_grad)
        if backbone == "vgg16":
            expected = LEARNED[variant]
        else:
            theirs = torchvision.models.get_model(backbone, weights=None)
            fc, channels = theirs.fc, theirs.fc.in_features
            expected = sum(p.numel() for p in theirs.parameters()) - fc.weight.numel() - fc.bias.numel()
            expected += sum(21 * (channels // 2**i + 1) for i in range(1 + len(net.skips)))
    assert counted == expected
