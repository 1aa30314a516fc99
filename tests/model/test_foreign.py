"""Nets of other libraries instead of an FCN: any size, any channels, any number of classes, any file."""

import socket
import urllib.error
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from conftest import TINY, Command
from model.test_convolution import FOREIGN
from torch import nn

from fcnlab.cli.compose import build, compose
from fcnlab.error import UserError
from fcnlab.model.foreign import ForeignNet
from fcnlab.model.weights import load_weights

IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
TINY_FOREIGN = [word for word in TINY if not word.startswith("model.backbone.")]


class Strided(nn.Module):
    """A net of somebody: logits at half the size, the number of classes under a name of its own."""

    def __init__(self, n_classes: int, n_channels: int = 3, width: int = 4) -> None:
        super().__init__()
        self.stem = nn.Conv2d(n_channels, width, 3, stride=2, padding=1)
        self.head = nn.Conv2d(width, n_classes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert x.shape[-1] % 8 == x.shape[-2] % 8 == 0
        return self.head(self.stem(x))


class Deaf(Strided):
    """One that takes neither."""

    def __init__(self) -> None:
        super().__init__(n_classes=5)


class Talkative(Strided):
    """One that gives more than logits."""

    def forward(self, x: torch.Tensor) -> Any:
        return [super().forward(x)]


class Output:
    """What nets of transformers give, but for its name."""

    def __init__(self, logits: torch.Tensor) -> None:
        self.logits = logits


class Transformer(Strided):
    """One that gives its logits in an object, as those of transformers do, or under that name."""

    def forward(self, x: torch.Tensor) -> Any:
        found = super().forward(x)
        return Output(found) if self.training else {"logits": found, "aux": -found}


class Featured(Strided):
    """One that gives its features too."""

    def __init__(self, n_classes: int, out: str) -> None:
        super().__init__(n_classes)
        self.out = out

    def forward(self, x: torch.Tensor) -> Any:
        return {self.out: super().forward(x), "features": self.stem(x)}


class Certain(Strided):
    """One that ends in a softmax."""

    def forward(self, x: torch.Tensor) -> Any:
        return super().forward(x).softmax(1)


def wrap(kind: type, **settings: Any) -> ForeignNet:
    own = {key: settings.pop(key) for key in ("in_channels", "num_classes") if key in settings}
    net = {"_target_": f"{__name__}.{kind.__name__}", **settings}
    return ForeignNet(net=net, name="mine", multiple=8, **({"num_classes": 3} | own))


@pytest.fixture(autouse=True)
def findable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The classes of this file can be imported, as a package of somebody's own would be."""
    import sys

    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or __import__(__name__))


@pytest.mark.parametrize("name", FOREIGN)
def test_any_size_and_any_channels_go_in_and_the_classes_of_the_data_come_out(name: str) -> None:
    for channels in (3, 4):
        net = build(compose("train", [f"model={name}", f"model.in_channels={channels}"]).model, num_classes=6).eval()
        assert net.name == name
        for height, width in ((1, 1), (33, 70)):
            found = net(torch.randn(1, channels, height, width))
            found = found if isinstance(found, dict) else {"out": found}
            assert all(logits.shape == (1, 6, height, width) for logits in found.values())
        with pytest.raises(UserError, match=f"have 1 channel, but the net takes {channels}"):
            net(torch.zeros(1, 1, 32, 32))


def test_logits_are_the_nets_own_brought_to_the_image() -> None:
    net = wrap(Strided, width=5)
    image = torch.randn(1, 3, 13, 22)
    padded = nn.functional.pad(image, (0, 2, 0, 3))
    expected = nn.functional.interpolate(net.net(padded), size=(16, 24), mode="bilinear", align_corners=False)
    torch.testing.assert_close(net(image), expected[..., :13, :22])


def test_features_beside_the_logits_are_left_out_and_logits_of_another_name_are_told() -> None:
    net = wrap(Featured, out="out")
    found = net(torch.zeros(1, 3, 8, 8))
    assert isinstance(found, dict)
    assert {key: tuple(one.shape) for key, one in found.items()} == {"out": (1, 3, 8, 8)}
    with pytest.raises(UserError, match="gives seg, features, but no 'out': its logits .* Wrap it in a module"):
        wrap(Featured, out="seg")(torch.zeros(1, 3, 8, 8))


def test_outputs_name_the_channels_of_the_classes_in_the_order_of_the_data() -> None:
    net = ForeignNet(net={"_target_": f"{__name__}.Deaf"}, name="mine", num_classes=3, multiple=8, outputs=[4, 0, 2])
    image = torch.randn(1, 3, 8, 8)
    half = nn.functional.interpolate(net.net(image), size=(8, 8), mode="bilinear", align_corners=False)
    torch.testing.assert_close(net(image), half[:, [4, 0, 2]])
    for wrong in ([0, 1], [0, 1, 1], [-1, 0, 1]):
        with pytest.raises(UserError, match="model.outputs"):
            ForeignNet(net={"_target_": f"{__name__}.Deaf"}, name="mine", num_classes=3, outputs=wrong)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"std": ...}, "model.input lacks std"), ({"men": [0.5]}, "model.input.men is not known. Did you mean mean?")],
)
def test_an_input_that_is_not_told_whole_is_refused(wrong: dict[str, Any], message: str) -> None:
    whole = {"order": "BGR", "scale": 255, **IMAGENET} | wrong
    told = {key: value for key, value in whole.items() if value is not ...}
    with pytest.raises(UserError, match=message):
        ForeignNet(net={"_target_": f"{__name__}.Strided"}, name="mine", num_classes=3, input=told)


def test_what_a_config_sets_wins_and_a_wrong_number_of_classes_is_told() -> None:
    assert wrap(Strided).net.head.out_channels == 3
    with pytest.raises(UserError, match=r"model=mine gives \(1, 7, 4, 4\), not logits \(N, 3, H, W\)"):
        wrap(Strided, n_classes=7)(torch.zeros(1, 3, 8, 8))
    with pytest.raises(UserError, match=r"gives \(1, 5, 4, 4\)"):
        wrap(Deaf)(torch.zeros(1, 3, 8, 8))
    with pytest.raises(UserError, match="model=mine gives a list, not logits"):
        wrap(Talkative)(torch.zeros(1, 3, 8, 8))


def test_channels_go_under_the_nets_own_name_or_into_its_first_convolution() -> None:
    assert wrap(Strided, in_channels=2).net.stem.in_channels == 2
    assert wrap(Deaf, in_channels=2, num_classes=5)(torch.zeros(1, 2, 9, 9)).shape == (1, 5, 9, 9)


def test_what_is_no_net_is_refused() -> None:
    with pytest.raises(UserError, match=r"model.net builds a dict. It must be a torch.nn.Module"):
        ForeignNet(net={"_target_": "builtins.dict"}, name="mine", num_classes=2)
    with pytest.raises(UserError, match="has a backbone of its own"):
        ForeignNet(net={"_target_": "torch.nn.Identity"}, name="mine", num_classes=2, backbone={"name": "vgg16"})


def test_a_batch_norm_over_one_element_is_told_in_words() -> None:
    net = build(compose("train", ["model=deeplabv3plus"]).model, num_classes=2).train()
    with pytest.raises(UserError, match=r"model=deeplabv3plus cannot run on images.*data.batch_size=2"):
        net(torch.zeros(1, 3, 32, 32))


def test_weights_of_torchvision_fill_it_up_to_its_scores(tmp_path: Path) -> None:
    theirs = torchvision.models.segmentation.lraspp_mobilenet_v3_large(weights_backbone=None, num_classes=21).eval()
    torch.save(theirs.state_dict(), tmp_path / "x.pth")
    net = build(compose("train", ["model=lraspp"]).model, num_classes=21).eval()
    assert net.torchvision == "lraspp_mobilenet_v3_large"  # by which weights=NAME is found
    report = load_weights(net, str(tmp_path / "x.pth"), **IMAGENET)
    assert report.initial == report.dropped == report.coerced == []
    image = torch.randn(1, 3, 64, 32)
    torch.testing.assert_close(net(image)["out"], theirs(image)["out"])
    report = load_weights(
        build(compose("train", ["model=lraspp"]).model, num_classes=4), str(tmp_path / "x.pth"), **IMAGENET
    )
    assert sorted(report.dropped) == sorted(name.removeprefix("net.") for name in report.initial)
    assert {name.rpartition(".")[0] for name in report.dropped} == {
        "classifier.low_classifier",
        "classifier.high_classifier",
    }


@pytest.mark.parametrize("model", ["lraspp", pytest.param("unet", marks=pytest.mark.slow)])
def test_it_trains_in_an_experiment_made_for_fcns_and_its_checkpoint_gives_the_same_scores(
    model: str, command: Command
) -> None:
    words = [*TINY_FOREIGN, "trainer.limit_train_batches=1", "data.batch_size=2", "data.images.test=2"]
    trained = command("train", *words, f"model={model}")
    assert trained.code == 0, trained.text
    (checkpoint,) = Path("runs").glob(f"shapes-{model}-*/checkpoints/best.ckpt")
    scored = command("evaluate", f"checkpoint={checkpoint}", "trainer.enable_progress_bar=false")
    assert scored.code == 0, scored.text
    assert scored.value["test/mean_iou"] == trained.value["test/mean_iou"]


class Fetching(Strided):
    """One that fetches weights when it is built, where no network is."""

    def __init__(self, n_classes: int) -> None:
        raise urllib.error.URLError(socket.gaierror(-2, "Name or service not known"))


def test_weights_that_cannot_be_fetched_are_told_with_what_leaves_them_out(command: Command) -> None:
    target = f"{Fetching.__module__}.Fetching"
    outcome = command("train", *TINY_FOREIGN, "model=foreign", f"model.net={{_target_: {target}}}")
    assert outcome.code == 1
    assert f"error: {target} fetches weights, and that fails (URLError(gaierror(-2, 'Name or service" in outcome.text
    assert "leave them out, as by weights_backbone: null or pretrained: false" in outcome.text


def test_a_backbone_that_would_be_left_out_is_refused(command: Command) -> None:
    outcome = command("train", *TINY_FOREIGN, "model=unet", "model/backbone=resnet18")
    assert outcome.code == 1
    assert "model/backbone=resnet18 has no use: model=unet has its own" in outcome.text


def test_logits_in_an_object_or_under_that_name_are_the_output() -> None:
    net, image = wrap(Transformer), torch.randn(1, 3, 8, 16)
    with torch.no_grad():
        alone, named = net.train()(image), net.eval()(image)
    half = net.net.head(net.net.stem(image)).detach()
    expected = nn.functional.interpolate(half, size=(8, 16), mode="bilinear", align_corners=False)
    torch.testing.assert_close(alone, expected)
    torch.testing.assert_close(named, {"out": expected, "aux": -expected})


def test_probabilities_instead_of_logits_are_told_when_it_trains() -> None:
    net, image = wrap(Certain).train(), torch.randn(2, 3, 8, 16)
    with pytest.raises(UserError, match="model=mine gives probabilities: they add up to 1. The loss takes logits"):
        net(image)
    wrap(Certain).eval()(image)  # whoever has trained it so may score it
