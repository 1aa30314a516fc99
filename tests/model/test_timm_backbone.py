"""Any timm model as a backbone: its features lie where a painted pixel says, whatever its family."""

from pathlib import Path

import pytest
import torch

from fcnlab.cli.compose import build, compose
from fcnlab.error import UserError
from fcnlab.model.fcn import FCN
from fcnlab.model.timm_backbone import STRIDES, TimmBackbone
from fcnlab.model.weights import fit_pretrained, load_weights

timm = pytest.importorskip("timm")
# Small ones of residual, squeeze-and-excite, patchifying, dense, multi-resolution, attention and plain nets.
MODELS = (
    *("resnet18d", "efficientnet_b0", "tf_efficientnet_lite0", "mobilenetv3_small_050", "convnext_atto"),
    *("regnetx_002", "densenet121", "hrnet_w18_small", "mobilevit_xxs", "repvgg_a0"),
)
IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
LENGTH = 512
COLUMNS = LENGTH // 2 + torch.tensor([0.0, 3, 7, 12, 19, 24, 28, 31]).double()  # as many left of a middle as right


def painted(net: torch.nn.Module, width: int) -> dict[str, torch.Tensor]:
    """How much each element of the middle row (width,) of every feature answers to one painted column of an image.

    Summed over channels and over the columns of one coarse element: (columns, elements).
    """
    columns = COLUMNS.long()
    image = torch.rand(1, 3, 32, LENGTH, generator=torch.Generator().manual_seed(1))
    many = image.repeat(len(columns), 1, 1, 1)
    many[range(len(columns)), :, :, columns] += 0.05
    found = {}
    with torch.no_grad():
        for (key, before), after in zip(net(image).items(), net(many).values(), strict=True):
            found[key] = (after - before).square().sum((1, 2))
    return found


def linear(net: torch.nn.Module) -> None:
    """Equal weights and smooth pools: what an element sees is then as symmetric as kernels and padding are."""
    for name, parameter in net.named_parameters():
        scale = 1 / parameter[0].numel() if parameter.ndim > 1 else 0.0 if name.endswith("bias") else 1.0
        parameter.data.fill_(scale)
        if parameter.ndim > 1:  # not all alike, or a layer norm would see nothing
            parameter.data.mul_(torch.empty_like(parameter).uniform_(0.2, 1.8))


@pytest.mark.parametrize("name", MODELS)
def test_one_painted_column_is_seen_where_the_offset_says(name: str) -> None:
    torch.manual_seed(0)
    backbone = TimmBackbone(name=name).eval()
    assert {key: feature.stride for key, feature in backbone.features.items()} == STRIDES
    linear(backbone)
    for key, seen in painted(backbone, LENGTH).items():
        feature = backbone.features[key]
        elements = feature.stride * torch.arange(seen.shape[1]).double() + feature.offset
        seen = seen.double()
        far = (elements - COLUMNS.mean()).abs() > 160
        answer = (seen - seen[:, far].median(1, keepdim=True).values).clamp(min=0) * ~far
        centre = (answer * elements).sum(1) / answer.sum(1)
        # An element's answer falls between two of them; over all columns of one element that evens out.
        assert (centre - COLUMNS).mean().abs() < feature.stride / 6, key


FEW = [
    ("resnet18d", "fcn16s"),
    ("tf_efficientnet_lite0", "fcn8s"),
    ("hrnet_w18_small", "fcn32s"),
    ("convnext_atto", "fcn8s"),
]
ALL = [
    pytest.param(name, variant, marks=pytest.mark.slow) for name in MODELS for variant in ("fcn32s", "fcn16s", "fcn8s")
]


@pytest.mark.parametrize(("name", "variant"), [*FEW, *ALL])
def test_any_size_goes_in_and_comes_out_at_every_stride(name: str, variant: str) -> None:
    words = [f"model={variant}", "model/backbone=timm", f"model.backbone.name={name}"]
    net = build(compose("train", words).model, num_classes=3).eval()
    for height, width in ((1, 1), (2, 33), (31, 64), (97, 30)):
        assert net(torch.randn(1, 3, height, width)).shape == (1, 3, height, width)


def test_zeros_beyond_the_image_are_all_that_is_added() -> None:
    backbone = TimmBackbone(name="resnet10t").eval()
    image = torch.randn(1, 3, 33, 40)
    whole = torch.zeros(1, 3, 64, 64)
    whole[..., :33, :40] = image
    for feature, theirs in zip(backbone(image).values(), backbone.net(whole)[2:], strict=True):
        torch.testing.assert_close(feature, theirs)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "convnext_tinny"}, "is no model of timm .* Did you mean convnext_tiny"),
        ({"name": "vit_tiny_patch16_224"}, r"has features at strides \[16, 16, .* none at \[8, 32\]"),
        ({"name": "swin_tiny_patch4_window7_224"}, "does not take images of any size.*strict_img_size: false"),
        ({"name": "resnet18", "in_channels": 0}, "in_channels=0 is not a whole number, 1 or more"),
        ({"name": "resnet18", "options": {"dept": 3}}, "timm cannot make it with"),
    ],
)
def test_what_cannot_be_an_fcns_backbone_is_refused(settings: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        TimmBackbone(**settings)


def test_a_local_file_of_timms_names_fills_it(tmp_path: Path) -> None:
    theirs = timm.create_model("convnext_atto")  # names as stages.0.blocks.0, its features' are stages_0.blocks.0
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    net = FCN(num_classes=2, backbone=TimmBackbone(name="convnext_atto"), skips=["pool4"])
    report = load_weights(net, str(tmp_path / "theirs.pth"), **IMAGENET)
    assert {name.split(".")[0] for name in report.initial} == {"score_fr", "score_pool4"}
    assert {name.split(".")[0] for name in report.dropped} == {"head"}
    image = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(
        net.eval().backbone(image)["pool4"], theirs.eval().forward_intermediates(image, indices=[2])[1][0]
    )


def test_a_safetensors_file_is_read(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    backbone = TimmBackbone(name="resnet10t")
    save_file(timm.create_model("resnet10t").state_dict(), str(tmp_path / "x.safetensors"))
    assert not [
        n
        for n in load_weights(
            FCN(num_classes=2, backbone=backbone), str(tmp_path / "x.safetensors"), **IMAGENET
        ).initial
        if not n.startswith("score_")
    ]


def test_weights_of_timms_own_see_what_they_expect(monkeypatch: pytest.MonkeyPatch) -> None:
    made = timm.create_model
    monkeypatch.setattr(timm, "create_model", lambda name, pretrained, **more: made(name, **more))  # nothing is fetched
    net = FCN(num_classes=2, backbone=TimmBackbone(name="resnet10t", pretrained=True)).eval().double()
    first = net.backbone.get_submodule(net.backbone.first)
    norm = net.backbone.get_submodule(net.backbone.first_norm)
    rgb = torch.rand(1, 3, 40, 40).double()
    given = {"mean": [0.5, 0.4, 0.3], "std": [0.25, 0.5, 0.2]}
    seen = {
        key: (rgb - torch.tensor(i["mean"]).view(1, 3, 1, 1)) / torch.tensor(i["std"]).view(1, 3, 1, 1)
        for key, i in (("theirs", IMAGENET), ("ours", given))
    }
    before = norm(first(seen["theirs"]))
    report = fit_pretrained(net, **given)
    assert len(report.coerced) == 2
    inside = (..., slice(2, -2), slice(2, -2))
    torch.testing.assert_close(norm(first(seen["ours"]))[inside], before[inside], rtol=1e-5, atol=1e-5)
    assert fit_pretrained(FCN(num_classes=2, backbone=TimmBackbone(name="resnet10t")), **given) is None
