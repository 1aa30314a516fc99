"""The first convolution takes images of other channels and input; pretrained filters are fitted as the authors did."""

import pytest
import torch
import torchvision
from torch import nn

from fcnlab.error import UserError
from fcnlab.model.fcn import FCN
from fcnlab.model.first_layer import find_first, take_channels
from fcnlab.model.resnet import ResNet
from fcnlab.model.vgg import VGG16
from fcnlab.model.weights import load_weights

IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
CAFFE = {"mean": [103.939, 116.779, 123.68], "std": [1.0, 1.0, 1.0], "order": "BGR", "scale": 255.0}


def file_of(tmp_path, **settings) -> tuple[VGG16, str]:
    source = VGG16(width=0.05, fc_channels=8, **settings)
    nn.init.normal_(source.conv1_1.bias)
    torch.save(source.state_dict(), tmp_path / "x.pth")
    return source, str(tmp_path / "x.pth")


def fitted(path: str, channels: int, expects: str = "caffe", **given) -> tuple[VGG16, str]:
    net = FCN(num_classes=2, backbone=VGG16(width=0.05, fc_channels=8, in_channels=channels))
    return net.backbone, str(load_weights(net, path, expects=expects, **given))


def test_a_depth_channel_gets_the_mean_of_the_colour_filters(tmp_path) -> None:
    source, path = file_of(tmp_path)
    given = {**CAFFE, "mean": [*CAFFE["mean"], 7.8], "std": [1.0] * 4}
    backbone, report = fitted(path, 4, **given)
    assert torch.equal(backbone.conv1_1.weight[:, :3], source.conv1_1.weight)
    torch.testing.assert_close(backbone.conv1_1.weight[:, 3], source.conv1_1.weight.mean(1))
    assert torch.equal(backbone.conv1_1.bias, source.conv1_1.bias)
    assert "takes 4 channels, each beyond 3 with the mean of their filters" in report


def test_a_grey_image_is_seen_as_three_equal_colours(tmp_path) -> None:
    source, path = file_of(tmp_path)
    backbone, report = fitted(path, 1, mean=[0.45], std=[0.22])
    assert "1 channel with the sum of 3 filters" in report
    grey = torch.rand(1, 1, 20, 20).double()
    theirs = 255 * grey.expand(1, 3, 20, 20) - torch.tensor(CAFFE["mean"]).view(1, 3, 1, 1)
    ours = backbone.double().conv1_1((grey - 0.45) / 0.22)
    expected = source.double().conv1_1(theirs)
    torch.testing.assert_close(ours[..., 1:-1, 1:-1], expected[..., 1:-1, 1:-1], rtol=1e-4, atol=1e-3)


def test_two_channels_are_no_colours_and_refused(tmp_path) -> None:
    _, path = file_of(tmp_path)
    with pytest.raises(UserError, match=r"for images of 3 channels, the net takes 2. .* 1 channel or to more than 3"):
        fitted(path, 2, mean=[0.5] * 2, std=[0.5] * 2)
    _, path = file_of(tmp_path, in_channels=5)
    with pytest.raises(UserError, match="for images of 5 channels, the net takes 4"):
        fitted(path, 4, mean=[0.5] * 4, std=[0.5] * 4)


def test_weights_of_as_many_channels_are_taken_as_they_are(tmp_path) -> None:
    source, path = file_of(tmp_path, in_channels=5)
    backbone, report = fitted(path, 5, mean=[0.5] * 5, std=[0.5] * 5)
    assert torch.equal(backbone.conv1_1.weight, source.conv1_1.weight)
    assert "filters" not in report


def test_a_batch_norm_takes_the_mean_where_there_is_no_bias(tmp_path) -> None:
    theirs = torchvision.models.resnet18().eval().double()
    torch.save(theirs.state_dict(), tmp_path / "x.pth")
    net = FCN(num_classes=2, backbone=ResNet(depth=18, in_channels=1)).eval().double()
    load_weights(net, str(tmp_path / "x.pth"), mean=[0.3], std=[0.2])
    grey = torch.rand(1, 1, 40, 40).double()
    mean, std = (torch.tensor(IMAGENET[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    expected = theirs.bn1(theirs.conv1((grey.expand(1, 3, 40, 40) - mean) / std))
    ours = net.backbone.bn1(net.backbone.conv1((grey - 0.3) / 0.2))
    torch.testing.assert_close(ours[..., 2:-2, 2:-2], expected[..., 2:-2, 2:-2], rtol=1e-4, atol=1e-4)


def test_the_first_convolution_and_its_norm_are_found_in_any_net() -> None:
    net = nn.Sequential(nn.Identity(), nn.Conv2d(3, 4, 3), nn.ReLU(), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1))
    assert find_first(net) == ("1", "3")
    assert find_first(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4))) == ("0", None)
    assert find_first(nn.ReLU()) == (None, None)
    take_channels(net, 6)
    assert net(torch.zeros(2, 6, 8, 8)).shape == (2, 4, 6, 6)
    with pytest.raises(UserError, match="has no first convolution"):
        take_channels(nn.Sequential(nn.ReLU()), 4)
