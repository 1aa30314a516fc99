"""GoogLeNet: torchvision's layers and weights, the input that these expect, any size."""

import pytest
import torch
import torchvision

from fcnlab.model.fcn import FCN
from fcnlab.model.googlenet import GoogLeNet, pool
from fcnlab.model.weights import load_weights

IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}


@pytest.fixture(scope="module")
def theirs() -> torchvision.models.GoogLeNet:
    """Torchvision's with random weights, as it is built for its trained ones."""
    torch.manual_seed(0)
    net = torchvision.models.googlenet(weights=None, init_weights=False, aux_logits=True, transform_input=True).eval()
    for name, tensor in net.state_dict().items():
        if name.endswith(("running_mean", "running_var")):
            tensor.uniform_(0.5, 1.5)
    return net


def test_it_is_torchvisions_classifier_on_one_window(theirs, tmp_path) -> None:
    torch.save(theirs.state_dict(), tmp_path / "googlenet.pth")
    net = FCN(num_classes=21, backbone=GoogLeNet()).eval()
    # Our images are normalised as torchvision's are; within, torchvision's net turns them to -1 to 1.
    report = load_weights(net, str(tmp_path / "googlenet.pth"), **IMAGENET)
    assert report.expects == "torchvision_googlenet"
    assert {name.split(".")[0] for name in report.dropped} == {"aux1", "aux2", "fc"}
    assert report.initial == ["score_fr.weight", "score_fr.bias"]
    assert sorted(report.coerced) == ["backbone.conv1.bn.running_mean", "backbone.conv1.conv.weight"]
    image = torch.zeros(1, 3, 224, 224)  # of one colour within: folding differs on the border alone
    found = {}
    theirs.inception5b.register_forward_hook(lambda *call: found.update(theirs=call[-1]))
    plain = torchvision.models.GoogLeNet._transform_input(theirs, image)
    assert not torch.equal(plain, image)
    theirs(image)
    ours = net.backbone(image)["inception5b"]
    assert ours.shape == found["theirs"].shape == (1, 1024, 7, 7)
    middle = (..., slice(3, 4), slice(3, 4))
    torch.testing.assert_close(ours[middle], found["theirs"][middle], rtol=1e-2, atol=1e-3)
    unfolded = FCN(num_classes=21, backbone=GoogLeNet()).eval()
    half = {"mean": [0.5] * 3, "std": [0.5] * 3}
    load_weights(unfolded, str(tmp_path / "googlenet.pth"), **half)  # fed what they expect: the same to the border
    random = torch.rand(1, 3, 224, 224)
    given = (random - torch.tensor(IMAGENET["mean"]).view(1, 3, 1, 1)) / torch.tensor(IMAGENET["std"]).view(1, 3, 1, 1)
    theirs(given)
    pooled = unfolded.backbone(2 * random - 1)["inception5b"].mean((2, 3))  # what the classifier is given
    torch.testing.assert_close(pooled, found["theirs"].mean((2, 3)), rtol=1e-4, atol=1e-5)


def test_it_has_the_papers_parameters() -> None:
    count = sum(p.numel() for p in FCN(num_classes=21, backbone=GoogLeNet()).parameters())
    assert round(count / 1e6) == 6  # Table 1


@pytest.mark.parametrize("kernel", [2, 3])
def test_a_pool_keeps_every_second_element_of_any_size_and_is_torchvisions_on_even_ones(kernel: int) -> None:
    for size in range(1, 40):
        x = torch.randn(1, 1, size, 41 - size)
        found = pool(x, kernel)
        assert found.shape[2:] == (-(-size // 2), -(-(41 - size) // 2))
        assert found.isfinite().all()
        if size > 2 and size < 39:
            expected = torch.nn.functional.max_pool2d(x, kernel, 2, ceil_mode=True)
            assert torch.equal(found[..., : expected.shape[2], : expected.shape[3]], expected)
            assert size % 2 or found.shape[2] == expected.shape[2]


@pytest.mark.parametrize(
    "sizes", [(*range(1, 36), 63, 64, 65, 299, 300), pytest.param(range(1, 301), marks=pytest.mark.slow)]
)
def test_every_size_from_1_to_300_goes_in_and_comes_out(sizes) -> None:
    net = FCN(num_classes=2, backbone=GoogLeNet(), skips=["pool4", "pool3"]).eval()
    with torch.no_grad():
        for size in sizes:
            assert net(torch.zeros(1, 3, size, 9)).shape == (1, 2, size, 9)
