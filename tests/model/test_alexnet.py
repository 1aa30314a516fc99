"""AlexNet: torchvision's classifier as a convolution, the authors' crops, any size."""

import pytest
import torch
import torchvision

from fcnlab.error import UserError
from fcnlab.model.alexnet import AlexNet
from fcnlab.model.fcn import FCN
from fcnlab.model.weights import load_weights

IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}


def test_it_is_torchvisions_classifier_on_one_window(tmp_path) -> None:
    theirs = torchvision.models.alexnet().eval()
    torch.save(theirs.state_dict(), tmp_path / "alexnet.pth")
    net = FCN(num_classes=21, backbone=AlexNet(padding=2)).eval()  # torchvision's padding; fc6 is not padded
    report = load_weights(net, str(tmp_path / "alexnet.pth"), **IMAGENET)
    assert sorted(report.coerced) == ["backbone.fc6.weight", "backbone.fc7.weight"]
    assert sorted(report.dropped) == ["classifier.6.bias", "classifier.6.weight"]
    assert report.initial == ["score_fr.weight", "score_fr.bias"]
    image = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        expected = theirs.classifier[:6](theirs.avgpool(theirs.features(image)).flatten(1))
        torch.testing.assert_close(net.backbone(image)["fc7"].flatten(1), expected, rtol=1e-4, atol=1e-5)


def test_the_authors_crop_and_kernel_follow_from_the_geometry() -> None:
    # voc-fcn-alexnet: conv1 padded by 100, upsampled by a kernel of 63 with stride 32, cropped by 18.
    net = FCN(num_classes=2, backbone=AlexNet(padding=100, width=0.02, fc_channels=4))
    assert (net.last_upsampling.kernel, net.last_upsampling.factor, net.last_upsampling.shift) == (63, 32, 18)


def test_it_has_the_papers_parameters() -> None:
    with torch.device("meta"):
        net = FCN(num_classes=21, backbone=AlexNet())
        theirs = torchvision.models.alexnet()
    count = sum(p.numel() for p in net.parameters())
    assert round(count / 1e6) == 57  # Table 1
    assert count == sum(p.numel() for p in theirs.parameters()) - (4096 * 1000 + 1000) + (4096 * 21 + 21)


@pytest.mark.parametrize("padding", ["same", 100])
def test_every_size_from_1_to_300_goes_in_and_comes_out(padding: str | int) -> None:
    skips = ["pool4", "pool3"]
    net = FCN(num_classes=2, backbone=AlexNet(padding=padding, width=0.02, fc_channels=4), skips=skips).eval()
    coarse = FCN(num_classes=2, backbone=net.backbone).eval()
    with torch.no_grad():
        for size in range(1, 301):
            image = torch.zeros(1, 3, size, 1 + size % 40)
            assert net(image).shape == coarse(image).shape == (1, 2, *image.shape[2:])


@pytest.mark.parametrize("padding", ["valid", 0, 1.5, True])
def test_another_padding_is_refused(padding: object) -> None:
    with pytest.raises(UserError, match="AlexNet: padding="):
        AlexNet(padding=padding)  # type: ignore[arg-type]
