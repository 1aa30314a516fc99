"""Where weights come from: files and downloads become tensors by name, and the input for which they were made."""

import contextlib
import hashlib
import socket
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fcnlab.error import UserError, nearest
from fcnlab.model.checkpoint import describe

State = dict[str, torch.Tensor]
PATIENCE = 60.0  # seconds without a word from a server

# torchvision.models.vgg16: the position of every convolution in ``features``, of fc6 and fc7 in ``classifier``.
VGG16_POSITIONS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
VGG16_NAMES = [f"conv{s}_{i}" for s, depth in enumerate((2, 2, 3, 3, 3), start=1) for i in range(1, depth + 1)]
VGG16 = {f"features.{position}": name for position, name in zip(VGG16_POSITIONS, VGG16_NAMES, strict=True)}
VGG16 |= {"classifier.0": "fc6", "classifier.3": "fc7"}
ALEXNET = {f"features.{position}": f"conv{layer}" for layer, position in enumerate((0, 3, 6, 8, 10), start=1)}
ALEXNET |= {"classifier.1": "fc6", "classifier.4": "fc7"}
# What training scripts put before every name, and under which keys they put the tensors.
WRAPPERS = ("module.", "_orig_mod.", "model.", "net.")
CONTENTS = ("model_state_dict", "state_dict", "model_state", "model", "net", "network", "weights")


@dataclass(frozen=True, kw_only=True)
class Expects:
    """The input for which weights were made, or which data give: values of 0..``scale``, minus ``mean``, over ``std``.

    The fields are the settings of ``data`` that give such an input.
    """

    order: str = "RGB"
    scale: float = 1.0
    mean: Sequence[float] = (0.485, 0.456, 0.406)
    std: Sequence[float] = (0.229, 0.224, 0.225)


INPUTS = {
    "torchvision": Expects(),
    # torchvision's GoogLeNet was trained by TensorFlow's normalisation, to which it turns its input (transform_input).
    "torchvision_googlenet": Expects(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
    # VGG16_Weights.IMAGENET1K_FEATURES.transforms(): the original weights, for RGB.
    "torchvision_features": Expects(mean=(0.48235, 0.45882, 0.40784), std=(1 / 255, 1 / 255, 1 / 255)),
    # The VGG authors' ILSVRC-2014 models; and the FCN authors' voc_layers.py.
    "caffe": Expects(order="BGR", scale=255.0, mean=(103.939, 116.779, 123.68), std=(1.0, 1.0, 1.0)),
    "caffe_fcn": Expects(order="BGR", scale=255.0, mean=(104.00699, 116.66877, 122.67892), std=(1.0, 1.0, 1.0)),
}


def read_tensors(source: str, model: str | None = None) -> tuple[State, str, Expects]:
    """The tensors of a source in fcnlab's names, and the input they expect: a name of ``INPUTS`` or ``fcnlab``, and it.

    Args:
        source: a local .npz, .pth, .safetensors or .ckpt; or a name of torchvision's weights for ``model``, downloaded.
    """
    if source in (known := torchvision_weights(model)):
        return recognise(read_file(fetch_weights(known[source])), source, model)
    path = Path(source).expanduser()
    if not path.is_file():
        hint = " It is a file of pytorch-fcn: see conf/experiment/README.md." if "from_caffe" in source else ""
        raise UserError(
            f"weights={source} is neither a file nor a name. {nearest(source, known)} Or give a path.{hint}"
        )
    content = read_file(path)
    if is_own(content):
        return own_tensors(path)
    return (content, "caffe", INPUTS["caffe"]) if path.suffix == ".npz" else recognise(content, source, model)


def read_file(path: str | Path) -> Any:
    """What a file holds that numpy or torch saved: tensors and plain values, no code."""
    file = Path(path).expanduser()
    if file.exists() and not file.is_file():  # a pipe or a device is read without end
        raise UserError(f"Cannot read weights={path}: it is no file.")
    try:
        if file.suffix == ".npz":
            with np.load(file, allow_pickle=False) as arrays:
                return {name: torch.from_numpy(arrays[name].astype(np.float32)) for name in arrays}
        if file.suffix == ".safetensors":  # timm's and Hugging Face's; timm brings the package
            from safetensors.torch import load_file

            return load_file(file)
        return torch.load(file, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(file))
    except Exception as error:  # what a broken file raises is not defined by numpy, zipfile or torch
        raise UserError(
            f"Cannot read weights={path}: {describe(error, file)} Give a whole .npz, .pth, .safetensors or .ckpt of "
            "tensors by name."
        ) from error


def is_own(content: Any) -> bool:
    """Whether fcnlab wrote it."""
    return isinstance(content, dict) and "fcnlab" in content


def own_tensors(path: Path) -> tuple[State, str, Expects]:
    """A checkpoint's net, and the input that it was trained with."""
    from fcnlab.model.checkpoint import load_checkpoint

    content = load_checkpoint(path, build=())
    state = {name.removeprefix("net."): t for name, t in content["state_dict"].items() if name.startswith("net.")}
    facts = content["fcnlab"]
    return state, "fcnlab", Expects(**{key: facts[key] for key in ("order", "scale", "mean", "std") if key in facts})


def recognise(content: Any, source: str, model: str | None = None) -> tuple[State, str, Expects]:
    """What ``torch.load`` gave, as tensors in fcnlab's names, and the input that these names and values tell of."""
    for key in CONTENTS:  # what pytorch-fcn and others wrap their tensors in
        inner = content.get(key) if isinstance(content, dict) else None
        content = inner if isinstance(inner, dict) else content
    if not isinstance(content, dict):
        raise UserError(f"weights={source} holds a {type(content).__name__}. Give a file of tensors by name.")
    if odd := [str(name) for name, tensor in content.items() if not isinstance(tensor, torch.Tensor)]:
        raise UserError(f"weights={source} holds {', '.join(odd[:5])}, no tensors. Give a file of tensors by name.")
    for wrapper in (*WRAPPERS, *WRAPPERS):  # two at most: DataParallel in somebody's module
        if content and all(name.startswith(wrapper) for name in content):
            content = {name.removeprefix(wrapper): tensor for name, tensor in content.items()}
    expects, empty = "torchvision", set[str]()
    if "conv1_1.weight" in content:
        expects = "caffe_fcn"
    elif "inception3a.branch1.conv.weight" in content:
        expects = "torchvision_googlenet"
    elif "features.0.weight" in content:
        empty = {name for name, tensor in content.items() if name.startswith("classifier.") and tensor.isnan().any()}
        if empty:  # IMAGENET1K_FEATURES has no classifier: it is filled with nan
            expects = "torchvision_features"
        elif "caffe" in Path(source).name.lower():  # nothing in vgg16_from_caffe.pth but its name tells of BGR
            expects = "caffe_fcn"
    if wrong := [name for name, tensor in content.items() if name not in empty and not tensor.isfinite().all()]:
        raise UserError(
            f"{source} has nan or infinity in {', '.join(wrong[:3])}. Give weights of a training that went well."
        )
    names = ALEXNET if model == "alexnet" else VGG16
    state = {name if name in empty else rename(name, names): tensor for name, tensor in content.items()}
    return state, expects, INPUTS[expects]


def rename(name: str, names: Mapping[str, str]) -> str:
    """A torchvision name in the paper's words; any other name as it is."""
    layer, _, tensor = name.rpartition(".")
    return f"{names[layer]}.{tensor}" if layer in names else name


def torchvision_weights(model: str | None) -> dict[str, str]:
    """The addresses of torchvision's weights for one of its models, by name."""
    if model is None:
        return {}
    from torchvision.models import get_model_weights, list_models

    if model not in list_models():
        return {}
    return {name: weights.url for name, weights in get_model_weights(model).__members__.items()}


@contextlib.contextmanager
def patience(seconds: float) -> Iterator[None]:
    """A server that says nothing for so long has failed; torch.hub would wait for it without end."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def fetch_weights(url: str) -> Path:
    """A file of torchvision's, fetched once into torch's cache; its hash is checked whenever it is used."""
    file = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    wanted = file.stem.rpartition("-")[2]  # vgg16-397923af.pth: the beginning of its SHA-256
    try:
        if not file.is_file():
            file.parent.mkdir(parents=True, exist_ok=True)
            with patience(PATIENCE):
                torch.hub.download_url_to_file(url, str(file), hash_prefix=wanted)
        with file.open("rb") as content:
            found = hashlib.file_digest(content, "sha256").hexdigest()[: len(wanted)]
    except (OSError, RuntimeError) as error:  # RuntimeError: what was fetched has another hash
        raise UserError(f"Cannot fetch {url}: {error}. Get it by hand and put it at {file}.") from error
    if found != wanted:
        raise UserError(f"{file} has hash {found}, not {wanted}: it is not {url}. Delete it to fetch it anew.")
    return file
