"""From a config to a task: for a training, or with the weights of a checkpoint."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import lightning as L
import torch
from torch import nn

from fcnlab.cli.compose import build, build_given
from fcnlab.cli.terminal import say
from fcnlab.data.heads import class_names
from fcnlab.error import UserError, kind
from fcnlab.loss.build import build_loss
from fcnlab.loss.heads import HeadLosses
from fcnlab.metric.extra import build_metrics
from fcnlab.model.checkpoint import load_checkpoint, refuse_no_numbers
from fcnlab.model.converted import adopt, is_foreign
from fcnlab.model.exported import ExportedNet, is_exported
from fcnlab.task.tiling import TiledNet
from fcnlab.task.tta import AugmentedNet

AUTO_TILE = 1024  # pixels a side
COUNTED = ("train_scores.", "train_loss.", "train_heads.")  # of a task's state_dict: sums of an epoch, no weights


class Loaded(NamedTuple):
    """A trained task, and what its checkpoint tells: the facts of its data, the config of its training."""

    task: L.LightningModule
    facts: dict[str, Any]
    config: dict[str, Any]


def build_task(
    config: Mapping[str, Any], *, net: nn.Module, facts: Mapping[str, Any], channels_last: bool, **recipe: Any
) -> L.LightningModule:
    """The LightningModule that ``config["task"]`` names, given what its constructor takes of net, loss, metrics, ...

    Args:
        net: with its initial weights.
        facts: class names, palette and normalisation of the data (``SegmentationData.facts``).
        recipe: ``optim`` and ``scheduler``, where it learns.
    """
    number = {head: len(names) for head, names in class_names(facts).items()}
    refuse_other_heads(net, number)
    losses = {head: build_loss(config["loss"], num_classes=classes) for head, classes in number.items()}
    metrics = {head: build_metrics(config.get("metrics") or {}, num_classes=n) for head, n in number.items()}
    first, classes, counted = losses.pop("out"), number["out"], metrics.pop("out")
    weights = config["task"].get("head_weights")
    given = {
        "net": net,
        "loss": HeadLosses(first=first, heads=losses, weights=weights) if losses or weights else first,
        "metrics": counted,
        "head_metrics": metrics,
        "facts": dict(facts),
        "config": dict(config),
        "num_classes": classes,
        "channels_last": channels_last,
        **recipe,
    }
    task = build_given(config["task"], {name: one for name, one in given.items() if name not in config["task"]})
    if not isinstance(task, L.LightningModule):
        raise UserError(f"task builds {kind(task)}. It must be a LightningModule.")
    return task


def refuse_other_heads(net: nn.Module, number: Mapping[str, int]) -> None:
    """Raise UserError for a head of the net that no mask teaches or scores; the task looks at the others."""
    heads = getattr(net, "heads", None)
    for name in heads if isinstance(heads, nn.ModuleDict) else ():
        if name not in number:
            raise UserError(
                f"model.heads has {name}, but the data have no masks for it: they have {', '.join(number)}. Name them "
                "with data.heads, as data.heads={geometric: {labels: geometric}}, or leave model.heads out."
            )


def load_task(
    config: Mapping[str, Any], *, channels_last: bool = False, trust: Collection[str] = (), data: Any = None
) -> Loaded:
    """The task of ``config["checkpoint"]``: a checkpoint of fcnlab, one from elsewhere, or an exported net.

    Args:
        trust: packages of one's own from which a checkpoint may ask for classes.
        data: those of the config, where they are built already; only a net from elsewhere needs them.
    """
    path = config["checkpoint"]
    if is_exported(path):
        net = ExportedNet(path)
        return Loaded(build_task(config, net=net, facts=net.facts, channels_last=False), net.facts, dict(config))
    if is_foreign(path):
        saved = adopt(dict(config), data or build(config["data"]))
    else:  # what is built stands in the config, checked where it came from
        saved = load_checkpoint(path, build=(), trust=trust)
    return restore(config, saved, channels_last=channels_last)


def load(path: str | Path, *, trust: Collection[str] = ()) -> L.LightningModule:
    """A trained task from its checkpoint alone, in evaluation mode. Raises UserError like ``load_checkpoint``."""
    saved = load_checkpoint(path, trust=trust)
    return restore(saved["fcnlab"]["config"], saved, channels_last=False).task.eval()


def restore(config: Mapping[str, Any], saved: Mapping[str, Any], *, channels_last: bool) -> Loaded:
    """The task that ``config`` describes, with the weights of a checkpoint and the config that it was trained with."""
    facts = {key: value for key, value in saved["fcnlab"].items() if key not in ("format", "config")}
    net = build(config["model"], num_classes=len(facts["class_names"]))
    parts = {key: config.get(key) for key in ("task", "loss", "metrics")}
    trained = dict(saved["fcnlab"]["config"])
    task = build_task(trained | parts, net=net, facts=facts, channels_last=channels_last)
    own = {name: tensor for name, tensor in task.state_dict().items() if name.startswith("loss.")}
    weights = own | {  # what the loss lacks, where another one was learned with or none, is its own
        name: tensor
        for name, tensor in saved["state_dict"].items()
        if not name.startswith(COUNTED) and (name in own or not name.startswith("loss."))
    }
    if wrong := describe_mismatch(task, weights):
        raise UserError(f"The checkpoint's weights do not fit {type(net).__name__}: {wrong}. Leave model=... out.")
    refuse_no_numbers("The checkpoint", {name: t for name, t in weights.items() if not name.startswith("loss.")})
    task.load_state_dict(weights, strict=False)
    return Loaded(task, facts, trained)


def see_otherwise(task: L.LightningModule, *, tile: int | str | None, tta: Mapping[str, Any] | None) -> None:
    """Let a trained task's net see images tile by tile, or in several views.

    Args:
        tile: pixels a side; ``auto``: 1024 where the result is the same, whole images elsewhere; None: whole images.
        tta: ``flip`` and ``scales`` of :class:`AugmentedNet`; None or empty: each image as it is.
    """
    auto, side = tile == "auto", AUTO_TILE if isinstance(tile, str) else tile
    net = getattr(task, "net", None)
    if not isinstance(net, nn.Module):
        if tta or (side and not auto):
            raise UserError(f"tile and tta change what task.net sees, which {type(task).__name__} has not.")
        return
    if tta:
        net = task.net = AugmentedNet(net, **tta)
    exact = getattr(net, "overlap", None) is not None
    if side and (exact or not auto):
        if not exact:
            say(f"tile={side}: what this net sees of an image is not known, so its tiles are blended, not exact.")
        task.net = TiledNet(net, side=side)


def describe_mismatch(task: nn.Module, weights: Mapping[str, torch.Tensor]) -> str:
    """The first few names or shapes in which weights and task differ; empty if they fit."""
    own = {k: v.shape for k, v in task.state_dict().items() if not k.startswith(COUNTED)}
    given = {k: v.shape for k, v in weights.items() if not k.startswith(COUNTED)}
    wrong = [f"{k} is {tuple(given[k])} for {tuple(own[k])}" for k in own if k in given and given[k] != own[k]]
    wrong += [f"{k} is missing" for k in own if k not in given] + [f"{k} is unknown" for k in given if k not in own]
    return "; ".join(wrong[:3])
