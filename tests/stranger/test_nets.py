"""Nets of three makers by YAML alone: they learn, and score what their own library gives with the learned weights."""

from collections.abc import Callable

import pytest
import segmentation_models_pytorch as smp
import torch
from stranger.brought import Bring, bring, confusion  # noqa: F401
from stranger.mylab import Quarter
from torch import nn
from torchvision.models import segmentation as of_torchvision

from fcnlab.cli.compose import build

NETS: dict[str, Callable[[], nn.Module]] = {
    "quarter": lambda: Quarter(n_classes=3, in_channels=3),
    "layers": lambda: nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 3, 1)),
    "fpn": lambda: smp.FPN("resnet18", encoder_weights=None, classes=3),
    "linknet": lambda: smp.Linknet("mobilenet_v2", encoder_weights=None, classes=3),
    "mobile": lambda: of_torchvision.deeplabv3_mobilenet_v3_large(weights_backbone=None, num_classes=3, aux_loss=True),
    "lraspp": lambda: of_torchvision.lraspp_mobilenet_v3_large(weights_backbone=None, num_classes=3),
}
FAST = ("quarter", "layers")  # one's own; torch's
PREFIX = "net.net."


@pytest.mark.parametrize(
    "name", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in NETS]
)
def test_a_net_of_any_maker_learns_and_scores_what_its_maker_gives(name: str, bring: Bring) -> None:  # noqa: F811
    run = bring(f"model={name}", vgg=False)
    state = torch.load(run.best, weights_only=True)["state_dict"]
    net = NETS[name]().eval()
    net.load_state_dict({key.removeprefix(PREFIX): value for key, value in state.items() if key.startswith(PREFIX)})
    assert len(run.last()["optimizer_states"][0]["state"]) == len(list(net.parameters()))  # all of them learn
    images = torch.cat([batch["image"] for batch in build(run.config()["data"]).loader("val")])
    with torch.no_grad():
        found = net(images)
    found = found["out"] if isinstance(found, dict) else found
    own = nn.functional.interpolate(found, size=images.shape[-2:], mode="bilinear")
    logits, masks = run.outputs("val")
    torch.testing.assert_close(logits, own, rtol=1e-4, atol=1e-5)
    pairs = confusion(own.argmax(1)[masks != 255].numpy(), masks[masks != 255].numpy())
    assert run.value["val/pixel_accuracy"] == pytest.approx(pairs.trace() / pairs.sum(), rel=1e-5)
