"""Files and downloads become tensors by name, and what they expect as input is told from names and values."""

import socket
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from torchvision.models import get_model_weights

from fcnlab.error import UserError
from fcnlab.model.checkpoint import SECTIONS, load_checkpoint
from fcnlab.model.source import fetch_weights, is_own, read_tensors

VGG = {
    "features.0.weight": torch.ones(2, 3, 3, 3),
    "features.28.bias": torch.ones(2),
    "classifier.0.weight": torch.ones(2, 4),
    "classifier.6.bias": torch.ones(5),
}
EMPTY = {name: tensor * torch.nan if "classifier" in name else tensor for name, tensor in VGG.items()}
CAFFE = {"conv1_1.weight": torch.ones(2, 3, 3, 3), "score_fr.weight": torch.ones(5, 4, 1, 1)}
RESNET = {"conv1.weight": torch.ones(2, 3, 7, 7), "bn1.running_mean": torch.ones(2), "fc.weight": torch.ones(5, 2)}


def save(path: Path, content: object) -> str:
    torch.save(content, path)
    return str(path)


@pytest.mark.parametrize(
    ("file", "content", "expects"),
    [
        ("vgg16-397923af.pth", VGG, "torchvision"),
        ("vgg16_features-amdegroot-88682ab5.pth", EMPTY, "torchvision_features"),
        ("vgg16_from_caffe.pth", VGG, "caffe_fcn"),
        ("fcn8s_from_caffe.pth", CAFFE, "caffe_fcn"),
        ("wrapped.pth", {"epoch": 3, "model_state_dict": CAFFE}, "caffe_fcn"),
        ("resnet18-f37072fd.pth", RESNET, "torchvision"),
    ],
)
def test_what_a_file_expects_is_told_from_it(file: str, content: dict, expects: str, tmp_path: Path) -> None:
    state, found, _ = read_tensors(save(tmp_path / file, content))
    assert found == expects
    if file.startswith("vgg16"):
        assert {"conv1_1.weight", "conv5_3.bias", "classifier.6.bias"} <= set(state)
        # A classifier that is empty keeps its name, and so finds no place in any net.
        assert ("fc6.weight" in state) == (content is VGG)
    assert not is_own(content)


def test_a_checkpoint_tells_its_input_itself(tmp_path: Path) -> None:
    given = {"mean": [1.0, 2.0, 3.0], "std": [1.0, 1.0, 1.0], "order": "BGR", "scale": 255.0}
    facts = {"config": {key: {} for key in SECTIONS}, "class_names": ["a"], "palette": [[0, 0, 0]], **given}
    content = {"fcnlab": facts, "state_dict": {"net.a.weight": torch.ones(1), "loss.b": torch.ones(1)}}
    state, expects, wanted = read_tensors(save(tmp_path / "best.ckpt", content))
    assert (list(state), expects, asdict(wanted)) == (["a.weight"], "fcnlab", given)
    assert is_own(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (torch.ones(2), "holds a Tensor"),
        ([1], "holds a list"),
        ({"conv1_1.weight": 3}, "holds conv1_1.weight, no tensors"),
        (CAFFE | {"conv1_1.weight": torch.tensor([torch.nan])}, "has nan or infinity in conv1_1.weight"),
        (CAFFE | {"conv1_1.weight": torch.tensor([torch.inf])}, "has nan or infinity in conv1_1.weight"),
    ],
)
def test_a_file_without_usable_tensors_is_refused(content: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        read_tensors(save(tmp_path / "x.pth", content))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "it is a pointer of Git LFS; git lfs pull"),
        (b"<!DOCTYPE html><html>", "it is a web page; download the file behind it"),
        (b"\x1f\x8b\x08", "it is compressed by gzip; unpack it first"),
        (b"", "it is empty"),
    ],
)
def test_what_lies_where_a_file_of_tensors_should_be_is_told(content: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes(content)
    for read in (read_tensors, load_checkpoint):
        with pytest.raises(UserError, match=f"x.pth: {told}") as refused:
            read(str(path))
        assert "weights_only" not in str(refused.value)  # torch's advice would run a stranger's code


@pytest.mark.parametrize(
    ("model", "name"), [(m, n) for m in ("vgg16", "resnet18", "resnet50") for n in get_model_weights(m).__members__]
)
def test_every_name_of_torchvision_is_known_for_its_backbone(
    model: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = EMPTY if name == "IMAGENET1K_FEATURES" else VGG if model == "vgg16" else RESNET
    places = {get_model_weights(model)[name].url: Path(save(tmp_path / "x.pth", content))}
    monkeypatch.setattr("fcnlab.model.source.fetch_weights", places.get)
    *_, expects = read_tensors(name, model)
    preset = get_model_weights(model)[name].transforms()
    assert expects.mean == pytest.approx(preset.mean)
    assert expects.std == pytest.approx(preset.std)


def test_a_name_that_is_none_is_refused_and_the_known_ones_listed() -> None:
    with pytest.raises(UserError, match="Known: DEFAULT, IMAGENET1K_V1, IMAGENET1K_V2"):
        read_tensors("IMAGENET_V2", "resnet50")


def test_a_file_in_the_cache_is_not_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    file = tmp_path / "hub" / "checkpoints" / "w-e3b0c442.pth"  # how the SHA-256 of nothing begins
    file.parent.mkdir(parents=True)
    file.touch()
    assert fetch_weights("https://nowhere.invalid/w-e3b0c442.pth") == file


def test_a_server_that_says_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr("fcnlab.model.source.PATIENCE", 0.1)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/vgg16-397923af.pth"
        with pytest.raises(UserError, match=f"Cannot fetch {url}: timed out. Get it by hand and put it at {tmp_path}"):
            fetch_weights(url)
    assert socket.getdefaulttimeout() is None


@pytest.mark.parametrize("wrapper", ["module.", "_orig_mod.", "model.", "module.model."])
def test_names_are_known_within_what_training_scripts_put_around_them(wrapper: str, tmp_path: Path) -> None:
    content = {"epoch": 3, "model": {f"{wrapper}{name}": tensor for name, tensor in VGG.items()}}
    state, *_ = read_tensors(save(tmp_path / "x.pth", content))
    assert {"conv1_1.weight", "conv5_3.bias", "fc6.weight"} <= set(state)
    caffe = {f"{wrapper}{name}": tensor for name, tensor in CAFFE.items()}
    assert read_tensors(save(tmp_path / "y.pth", caffe))[1] == "caffe_fcn"
