"""A net from elsewhere as a checkpoint: a state dict without a config, which net and data named beside it complete."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fcnlab.error import UserError

if TYPE_CHECKING:
    from fcnlab.data.datamodule import SegmentationData


def is_foreign(path: str) -> bool:
    """Whether a file can be read and was not written by fcnlab."""
    from fcnlab.model.source import is_own, read_file

    try:
        return not is_own(read_file(path))
    except UserError:
        return False


def foreign_choices(path: str, given: Mapping[str, str]) -> dict[str, str]:
    """What a net from elsewhere was trained with, as config choices: the input that the model's YAML names
    (``model.input``), or else what the file tells.

    The nets of the FCN authors, which pytorch-fcn converted, are told by their names and their upsampling kernels:
    padding 100, and BGR 0..255 minus the mean. Their published scores are of 32 bits.
    """
    from fcnlab.model.source import read_tensors

    if not {"model", "data"} <= given.keys():
        raise UserError(
            f"checkpoint={path} was not written by fcnlab: it has no config. Name the net and the data beside it "
            "(model=... data=...), or use one that fcnlab.train wrote."
        )
    state, expects, wanted = read_tensors(path)
    choices = {
        f"data.{key}": f"${{oc.select:model.input.{key},{json.dumps(value)}}}" for key, value in asdict(wanted).items()
    }
    choices["trainer.precision"] = "32-true"
    if expects == "caffe_fcn" and "upscore" in str(list(state)) and given.get("model/backbone", "vgg16") == "vgg16":
        choices["model.backbone.padding"] = "100"
    return choices


def adopt(config: dict[str, Any], data: "SegmentationData") -> dict[str, Any]:
    """What ``load_checkpoint`` would give for the foreign ``config["checkpoint"]``, with net and data of the config.

    Raises UserError where the file does not fill the whole net.
    """
    from fcnlab.cli.compose import build
    from fcnlab.cli.terminal import say
    from fcnlab.model.weights import load_weights

    path, name = config["checkpoint"], config["model"]["name"]
    net = build(config["model"], num_classes=len(data.class_names))
    if "atonce" in Path(path).name.lower().replace("-", "").replace("_", "") and not getattr(net, "skip_scale", None):
        raise UserError(f"checkpoint={path} is at-once by its name, and only its name tells. Say model=fcn8s_atonce.")
    report = load_weights(net, path, **data.input)
    if report.initial or report.dropped:
        raise UserError(
            f"checkpoint={path} is not the whole of model={name}: {report.tell('dropped', 'initial')}. Say the "
            "model=..., model/backbone=... and data=... (its classes) that it was trained as. To train from it, say "
            "fcnlab.train weights=..."
        )
    rest = report.tell("coerced", "bilinear", "dropped", "initial")
    say(f"checkpoint={path}: made for {report.expects} input; copied {len(report.copied)}; {rest}.")
    if getattr(net, "input", ()) is None and report.expects == "torchvision":
        say(
            "That it was made for torchvision's input (RGB, ImageNet's mean) is a guess: nothing in the file tells. If "
            "it was made for another, say it in the model's YAML: input: {order: ..., scale: ..., mean: ..., std: ...}."
        )
    state = {f"net.{key}": tensor for key, tensor in net.state_dict().items()}
    return {"state_dict": state, "fcnlab": {"config": config, **data.facts()}}
