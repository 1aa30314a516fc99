"""A net of any library instead of an FCN: it maps an image to logits, or to a dict with ``out`` (and ``aux``)."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Annotated, Any

import torch
from annotated_types import Ge
from torch import nn
from torch.nn.parameter import is_lazy

from fcnlab.cli.compose import build, offer
from fcnlab.error import UserError, kind, nearest, raised
from fcnlab.model.backbone import check_channels
from fcnlab.model.convolution import make_careful
from fcnlab.model.first_layer import find_first, take_channels
from fcnlab.model.heads import by_name
from fcnlab.model.source import Expects

# What libraries call the number of classes, and of the image's channels.
CLASSES = ("num_classes", "classes", "n_classes", "nclasses", "n_class", "num_labels", "out_channels", "out_chans")
CHANNELS = ("in_channels", "in_chans", "n_channels", "input_channels", "in_ch")


class ForeignNet(nn.Module):
    """Image (N, in_channels, H, W) -> logits (N, num_classes, H, W), or a dict of such, any H and W >= 1.

    Args:
        num_classes: channels of the logits; handed to the net under the name that its signature has for it, if the
            config does not set it.
        net: the config of the net (its ``_target_`` and arguments), built here.
        name: what tables and run folders call it.
        in_channels: handed over likewise; where the signature has no name for it, the first convolution is changed.
        multiple: images are padded with zeros, the mean colour, on the right and below to multiples of so many pixels;
            the logits are brought to that size if they are smaller, and cropped.
        outputs: of the net's channels those that score the data's classes, in the data's order, where the net knows
            more classes or has them in another order; None: all as they are.
        input: the input for which its weights were made, where that is known: settings of ``data`` (``order``,
            ``scale``, ``mean``, ``std``). A checkpoint from elsewhere is scored with it.
        backbone: None. An experiment may choose a backbone for FCNs; a net of another library has its own.
    """

    overlap: int | None = None  # not known: how far it sees

    def __init__(
        self,
        *,
        num_classes: Annotated[int, Ge(1)],
        net: Mapping[str, Any],
        name: str,
        in_channels: Annotated[int, Ge(1)] = 3,
        multiple: Annotated[int, Ge(1)] = 32,
        outputs: Sequence[int] | None = None,
        input: Mapping[str, Any] | None = None,
        backbone: None = None,
    ) -> None:
        super().__init__()
        if outputs is not None and (len({*outputs}) != len(outputs) or len(outputs) != num_classes or min(outputs) < 0):
            raise UserError(
                f"model.outputs={list(outputs)} must name one channel of the net for each of the data's {num_classes} "
                "classes, in the data's order, counted from 0."
            )
        if backbone is not None:
            raise UserError(f"model={name} has a backbone of its own: set it under model.net, not model/backbone.")
        self.num_classes, self.name, self.in_channels, self.multiple = num_classes, name, in_channels, multiple
        self.outputs = None if outputs is None else list(outputs)
        self.input = None if input is None else expected_input(input)
        given = offer(net, dict.fromkeys(CLASSES, num_classes) | dict.fromkeys(CHANNELS, in_channels))
        built = build(given)
        if not isinstance(built, nn.Module):
            raise UserError(f"model.net builds {kind(built)}. It must be a torch.nn.Module.")
        if any(map(is_lazy, built.parameters())):  # torch's Lazy layers learn their sizes from a first image
            with torch.no_grad():
                built(torch.zeros(2, in_channels, 2 * multiple, 2 * multiple))
        self.net = built
        target = str(given.get("_target_", ""))
        self.torchvision = target.rpartition(".")[2] if target.startswith("torchvision.models.") else None
        if not any(key in given for key in CHANNELS) and in_channels != 3:
            take_channels(built, in_channels)
        make_careful(self)
        self.first, self.first_norm = find_first(self)
        self.looked = False

    def forward(self, image: torch.Tensor) -> torch.Tensor | dict[str, torch.Tensor]:
        """Pad, run the net, bring its logits to the image's size."""
        check_channels(image.shape[1], self.in_channels)
        height, width = image.shape[-2:]
        padded = nn.functional.pad(image, (0, -width % self.multiple, 0, -height % self.multiple))
        try:
            found = self.net(padded)
        except Exception as error:  # what another library's net raises is its own
            hint = "It may want other sizes: set model.multiple or data.image_size, or its options under model.net."
            if "more than 1 value per channel" in str(error):
                hint = "Train it with data.batch_size=2 or more, on images that leave no batch of one."
            raise UserError(
                f"model={self.name} cannot run on images {tuple(padded.shape)}: {raised(error)}. {hint} "
                "trace=true shows where."
            ) from error
        found = getattr(found, "logits", found)  # transformers'
        if isinstance(found, Mapping):
            found = {"out" if key == "logits" and "out" not in found else key: one for key, one in found.items()}
            scores = {key: one for key, one in by_name(found).items() if key in ("out", "aux") or self.is_score(one)}
            return {key: self.fit(logits, padded, height, width) for key, logits in scores.items()}
        return self.fit(found, padded, height, width)

    def is_score(self, given: Any) -> bool:
        """Whether something that the net gives is logits of the data's classes; it may give features too."""
        return isinstance(given, torch.Tensor) and given.ndim == 4 and given.shape[1] == self.num_classes

    def fit(self, logits: Any, padded: torch.Tensor, height: int, width: int) -> torch.Tensor:
        """The net's logits (N, c, h, w) of the padded image -> (N, num_classes, height, width)."""
        if isinstance(logits, torch.Tensor) and logits.ndim == 4 and self.outputs is not None:
            if max(self.outputs) >= logits.shape[1]:
                raise UserError(
                    f"model.outputs names channel {max(self.outputs)}, but model={self.name} gives {logits.shape[1]}, "
                    "counted from 0. Set the number of its classes under model.net."
                )
            logits = logits[:, self.outputs]
        if not self.is_score(logits):
            hint = "Set its options under model.net, or wrap it in a module of yours that gives one tensor."
            if isinstance(logits, torch.Tensor):
                hint = (
                    "Set what it calls them under model.net, say in model.outputs which of its channels score them, "
                    "or wrap it in a module of yours."
                )
            shape = tuple(logits.shape) if isinstance(logits, torch.Tensor) else f"a {type(logits).__name__}"
            raise UserError(
                f"model={self.name} gives {shape}, not logits (N, {self.num_classes}, H, W) of the data's "
                f"{self.num_classes} classes. {hint}"
            )
        if logits.shape[-2:] != padded.shape[-2:]:
            size = padded.shape[-2:]
            logits = nn.functional.interpolate(logits, size=size, mode="bilinear", align_corners=False)
        fitted: torch.Tensor = logits[..., :height, :width]
        self.refuse_probabilities(fitted)
        return fitted

    def refuse_probabilities(self, logits: torch.Tensor) -> None:
        """Raise UserError where the first batch that is learned from comes out of a softmax: losses take logits."""
        if self.looked or not self.training or logits.is_meta or torch.compiler.is_compiling():
            return
        self.looked = True
        if logits.detach().min() >= 0 and (logits.detach().sum(1) - 1).abs().max() < 0.02:  # of 16 bits
            raise UserError(
                f"model={self.name} gives probabilities: they add up to 1. The loss takes logits: leave the softmax "
                "out (activation: null, final_activation: null), or wrap the net in a module of yours."
            )


def expected_input(settings: Mapping[str, Any]) -> Expects:
    """The settings of an input, checked: each must be one of ``order``, ``scale``, ``mean``, ``std``."""
    known = [field.name for field in fields(Expects)]
    for key in settings:
        if key not in known:
            raise UserError(f"model.input.{key} is not known. {nearest(str(key), known)}")
    if missing := [key for key in known if key not in settings]:
        raise UserError(f"model.input lacks {', '.join(missing)}. A guess would be a wrong score: say all of them.")
    return Expects(**settings)
