"""Weights from elsewhere: torchvision's VGG16, files with Caffe's names, and checkpoints of fcnlab."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn

from fcnlab.error import UserError, nearest

# torchvision.models.vgg16: the place of every convolution in ``features``, of fc6 and fc7 in ``classifier``.
VGG16_PLACES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
VGG16_NAMES = [f"conv{s}_{i}" for s, depth in enumerate((2, 2, 3, 3, 3), start=1) for i in range(1, depth + 1)]
TORCHVISION = {f"features.{place}": name for place, name in zip(VGG16_PLACES, VGG16_NAMES, strict=True)}
TORCHVISION |= {"classifier.0": "fc6", "classifier.3": "fc7"}
ENUMS = ("IMAGENET1K_V1", "IMAGENET1K_FEATURES")


@dataclass(frozen=True, kw_only=True)
class Expects:
    """The input for which weights were made: RGB or BGR values of 0..``scale``, minus ``mean``, over ``std``."""

    order: str = "RGB"
    scale: float = 1.0
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)


INPUTS = {
    "torchvision": Expects(),
    # VGG16_Weights.IMAGENET1K_FEATURES.transforms(): the original weights, for RGB.
    "torchvision_features": Expects(mean=(0.48235, 0.45882, 0.40784), std=(1 / 255, 1 / 255, 1 / 255)),
    # The VGG authors' ILSVRC-2014 models; and the FCN authors' voc_layers.py.
    "caffe": Expects(order="BGR", scale=255.0, mean=(103.939, 116.779, 123.68), std=(1.0, 1.0, 1.0)),
    "caffe_fcn": Expects(order="BGR", scale=255.0, mean=(104.00699, 116.66877, 122.67892), std=(1.0, 1.0, 1.0)),
}


@dataclass
class Report:
    """What became of every tensor: names of the net under ``copied`` to ``initial``, of the file under ``dropped``."""

    copied: list[str] = field(default_factory=list)
    coerced: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    initial: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        kinds = ((kind, getattr(self, kind)) for kind in ("copied", "coerced", "dropped", "initial"))
        return "; ".join(f"{kind} {len(names)}{': ' if names else ''}{shorten(names)}" for kind, names in kinds)


def shorten(names: list[str]) -> str:
    """Layers instead of weights and biases."""
    return ", ".join(dict.fromkeys(name.removesuffix(".weight").removesuffix(".bias") for name in names))


def load_weights(net: nn.Module, source: str, *, mean: list[float], std: list[float], expects: str = "auto") -> Report:
    """Fill ``net`` (an FCN) from ``source`` and tell what became of every tensor.

    Args:
        source: a name of torchvision's VGG16 weights (downloaded, with progress), or a local .npz, .pth or .ckpt.
        mean, std: the normalisation of RGB in 0..1 that the net will see. What the weights expect instead is folded
            into the first convolution: exact inside the image; where the means differ, not on its padded border.
        expects: a key of ``INPUTS``, or ``auto``: told from the source and its names.
    """
    tensors, kind = read_tensors(source)
    tensors = {rename(name): tensor for name, tensor in tensors.items()}
    if expects == "auto":
        expects = kind
    if expects != "fcnlab" and expects not in INPUTS:
        raise UserError(f"weights_input={expects} is not known. {nearest(expects, INPUTS)}")
    report, own = Report(), dict(net.state_dict())
    filled: dict[str, torch.Tensor] = {}
    for name, tensor in tensors.items():
        target = name if name in own else f"trunk.{name}"
        if target not in own:
            report.dropped.append(name)
        elif tensor.shape == own[target].shape:
            filled[target] = tensor.to(own[target].dtype)
            report.copied.append(target)
        elif tensor.numel() == own[target].numel() and tensor.shape[0] == own[target].shape[0]:
            # A fully connected layer (O, I) is a convolution (O, C, H, W): Caffe and torch both flatten C, H, W.
            filled[target] = tensor.reshape(own[target].shape).to(own[target].dtype)
            report.coerced.append(target)
        else:
            raise UserError(
                f"{source} has {name} of shape {tuple(tensor.shape)}, but the net's {target} has "
                f"{tuple(own[target].shape)}. Build the net for it (model.trunk.width=1, model.trunk.fc_channels=4096, "
                "the same classes), or take weights without this layer."
            )
    if not filled:
        raise UserError(
            f"{source} has no tensor of this net: {nearest('', tensors)[:200]} Choose weights for its trunk."
        )
    if expects != "fcnlab":
        fold_input(filled, "trunk.conv1_1", INPUTS[expects], mean, std, report)
    net.load_state_dict(filled, strict=False)
    report.initial = [name for name in own if name not in filled]
    return report


def fold_input(
    tensors: dict[str, torch.Tensor], first: str, expects: Expects, mean: list[float], std: list[float], report: Report
) -> None:
    """Let the first convolution see the data set's normalisation x = (rgb - mean) / std where it expects another.

    With y = (scale * rgb - mean_y) / std_y = a * x + b per channel, w * y = (w * a) * x + sum(w * b).
    """
    if (weight := tensors.get(f"{first}.weight")) is None:
        return
    wanted_mean, wanted_std = torch.tensor(expects.mean).double(), torch.tensor(expects.std).double()
    if expects.order == "BGR":
        weight, wanted_mean, wanted_std = weight.flip(1), wanted_mean.flip(0), wanted_std.flip(0)
    slope = expects.scale * torch.tensor(std).double() / wanted_std
    shift = (expects.scale * torch.tensor(mean).double() - wanted_mean) / wanted_std
    if expects.order == "RGB" and torch.allclose(slope, torch.ones(3).double()) and shift.abs().max() < 1e-6:
        return
    kernel = weight.double()
    tensors[f"{first}.weight"] = (kernel * slope.view(1, 3, 1, 1)).to(weight.dtype)
    bias = tensors[f"{first}.bias"]
    tensors[f"{first}.bias"] = (bias.double() + (kernel.sum((2, 3)) * shift).sum(1)).to(bias.dtype)
    for name in (f"{first}.weight", f"{first}.bias"):
        report.copied.remove(name)
        report.coerced.append(name)


def read_tensors(source: str) -> tuple[Mapping[str, torch.Tensor], str]:
    """The tensors of a source by name, and the input they expect (``fcnlab``: the net's own)."""
    if source in ENUMS:
        from torchvision.models import VGG16_Weights

        state = torch.load(fetch_weights(VGG16_Weights[source].url), map_location="cpu", weights_only=True)
        if source == "IMAGENET1K_FEATURES":  # its classifier is filled with nan
            state = {name: tensor for name, tensor in state.items() if name.startswith("features")}
            return state, "torchvision_features"
        return state, "torchvision"
    path = Path(source).expanduser()
    if not path.is_file():
        raise UserError(f"weights={source} is neither a file nor a name. {nearest(source, ENUMS)} Or give a path.")
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                return {name: torch.from_numpy(arrays[name].astype(np.float32)) for name in arrays}, "caffe"
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # what a broken file raises is not defined by numpy, zipfile or torch
        raise UserError(f"Cannot read weights={source}: {error}. Give a whole .npz, .pth or .ckpt.") from error
    if not isinstance(content, dict):
        raise UserError(f"weights={source} holds a {type(content).__name__}. Give a file of tensors by name.")
    if "fcnlab" in content:
        state = {name.removeprefix("net."): t for name, t in content["state_dict"].items() if name.startswith("net.")}
        return state, "fcnlab"
    if odd := [str(name) for name, tensor in content.items() if not isinstance(tensor, torch.Tensor)]:
        raise UserError(f"weights={source} holds {', '.join(odd[:5])}, no tensors. Give a file of tensors by name.")
    return content, "torchvision" if any(name.startswith("features.") for name in content) else "caffe_fcn"


def fetch_weights(url: str) -> Path:
    """A file of torchvision's, fetched once into torch's cache; its hash is checked whenever it is used."""
    file = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    wanted = file.stem.rpartition("-")[2]  # vgg16-397923af.pth: the beginning of its SHA-256
    try:
        if not file.is_file():
            file.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(url, str(file), hash_prefix=wanted)
        with file.open("rb") as content:
            found = hashlib.file_digest(content, "sha256").hexdigest()[: len(wanted)]
    except (OSError, RuntimeError) as error:  # RuntimeError: what was fetched has another hash
        raise UserError(f"Cannot fetch {url}: {error}. Get it by hand and put it at {file}.") from error
    if found != wanted:
        raise UserError(f"{file} has hash {found}, not {wanted}: it is not {url}. Delete it to fetch it anew.")
    return file


def rename(name: str) -> str:
    """A torchvision name in the paper's words; any other name as it is."""
    layer, _, tensor = name.rpartition(".")
    return f"{TORCHVISION[layer]}.{tensor}" if layer in TORCHVISION else name
