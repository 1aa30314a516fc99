"""Ten timm models of five families as backbones, at all three strides, through the command."""

import pytest
import torch
from stranger.brought import Bring, bring, confusion  # noqa: F401

timm = pytest.importorskip("timm")
FAMILIES = {
    "residual": ("resnet18d", "regnetx_002", "densenet121"),
    "mobile": ("efficientnet_b0", "mobilenetv3_small_050", "ghostnet_050"),
    "patches": ("convnext_atto",),
    "attention": ("pvt_v2_b0", "mobilevit_xxs"),
    "several resolutions": ("hrnet_w18_small",),
}
FAST = {("ghostnet_050", "fcn8s")}
CASES = [
    pytest.param(name, variant, marks=() if (name, variant) in FAST else pytest.mark.slow)
    for names in FAMILIES.values()
    for name in names
    for variant in ("fcn32s", "fcn16s", "fcn8s")
]
SCORED = {"fcn32s": ("fr",), "fcn16s": ("fr", "pool4"), "fcn8s": ("fr", "pool4", "pool3")}


@pytest.mark.parametrize(("name", "variant"), CASES)
def test_a_timm_model_learns_under_an_fcn(name: str, variant: str, bring: Bring) -> None:  # noqa: F811
    words = (f"model={variant}", "model/backbone=timm", f"model.backbone.name={name}", "data.size=64")
    run = bring(*words, vgg=False)
    state = torch.load(run.best, weights_only=True)["state_dict"]
    torch.manual_seed(0)
    own = timm.create_model(name, features_only=True)
    prefix = "net.backbone.net."
    found = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    assert {k: v.shape for k, v in found.items()} == {k: v.shape for k, v in own.state_dict().items()}
    # Each stride is scored from channels of the model's own, and has learned.
    channels = dict(zip(own.feature_info.reduction(), own.feature_info.channels(), strict=True))
    strides = {"fr": 32, "pool4": 16, "pool3": 8}
    assert {key.split(".")[1] for key in state if key.startswith("net.score_")} == {
        f"score_{s}" for s in SCORED[variant]
    }
    for score in SCORED[variant]:
        weight = state[f"net.score_{score}.weight"]
        assert weight.shape[:2] == (3, channels[strides[score]])
        assert weight.abs().sum() > 0
    logits, masks = run.outputs("val")
    pairs = confusion(logits.argmax(1)[masks != 255].numpy(), masks[masks != 255].numpy())
    assert run.value["val/pixel_accuracy"] == pytest.approx(pairs.trace() / pairs.sum(), rel=1e-5)
