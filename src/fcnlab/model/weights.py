"""Weights from elsewhere in a net: surgery, folding of the input, and a report that names every tensor once."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from fcnlab.error import UserError, nearest
from fcnlab.model.fcn import FCN
from fcnlab.model.source import INPUTS, Expects, State, read_tensors
from fcnlab.model.upsample import bilinear_kernel

KINDS = ("copied", "coerced", "bilinear", "dropped", "initial")


@dataclass
class Report:
    """What became of every tensor.

    ``copied``, ``coerced`` and ``initial`` hold names of the net, ``bilinear`` and ``dropped`` names of the file.

    Attributes:
        expects: the input for which the weights were made.
        coerced: reshaped, folded, or cut out of a dense kernel.
        bilinear: the file's fixed upsampling kernels, which the net has without a parameter.
        dropped: there is no place for them in the net; score layers of another number of classes are both dropped
            and initial.
        initial: not in the file; they stay as the net was built.
    """

    expects: str = ""
    copied: list[str] = field(default_factory=list)
    coerced: list[str] = field(default_factory=list)
    bilinear: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    initial: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        kinds = ((kind, getattr(self, kind)) for kind in KINDS)
        told = (f"{kind} {len(names)}{': ' if names else ''}{shorten(names)}" for kind, names in kinds)
        return "; ".join((f"made for {self.expects} input", *told))


def shorten(names: list[str]) -> str:
    """Layers instead of weights and biases."""
    return ", ".join(dict.fromkeys(name.removesuffix(".weight").removesuffix(".bias") for name in names))


def load_weights(net: nn.Module, source: str, *, expects: str = "auto", **given: Any) -> Report:
    """Fill ``net`` from ``source`` and tell what became of every tensor.

    Args:
        source: a name of torchvision's weights for the net's backbone (downloaded, with progress), or a local .npz,
            .pth or .ckpt.
        given: the input that the net will see (``data.input``: mean, std, order, scale). What the weights expect
            instead is folded into the first convolution: exact inside the image; where the means differ, not on its
            padded border.
        expects: a key of ``INPUTS``, or ``auto``: told from the source and its names; a checkpoint tells its own.
    """
    assert isinstance(net, FCN)
    tensors, kind, wanted = read_tensors(source, net.backbone.torchvision)
    if expects != "auto":
        if expects not in INPUTS:
            raise UserError(f"weights_input={expects} is not known. {nearest(expects, INPUTS)}")
        kind, wanted = expects, INPUTS[expects]
    report, own = Report(expects=kind), dict(net.state_dict())
    filled: State = {}
    for name, tensor in tensors.items():
        target = name if name in own else f"backbone.{name}"
        if name.startswith("upscore"):
            fit_upsampling(net, name, tensor, filled, report, source)
        elif target not in own:
            report.dropped.append(name)
        elif tensor.shape == own[target].shape:
            filled[target] = tensor.to(own[target].dtype)
            report.copied.append(target)
        elif tensor.ndim == 2 and tensor.numel() == own[target].numel() and len(tensor) == len(own[target]):
            # A fully connected layer (O, I) is a convolution (O, C, H, W): Caffe and torch both flatten C, H, W.
            filled[target] = tensor.reshape(own[target].shape).to(own[target].dtype)
            report.coerced.append(target)
        elif target.startswith("score_") and tensor.shape[1:] == own[target].shape[1:]:
            report.dropped.append(name)  # scores of other classes: ours are learned anew
        else:
            raise UserError(
                f"{source} has {name} of shape {tuple(tensor.shape)}, but the net's {target} has "
                f"{tuple(own[target].shape)}. Build the net for it (the backbone of the weights, at full width), or "
                "take weights without this layer."
            )
    if not filled:
        raise UserError(
            f"{source} has no tensor of this net: {nearest('', tensors)[:200]} Choose weights for its backbone."
        )
    fold_input(net, filled, wanted, Expects(**given), report)
    net.load_state_dict(filled, strict=False)
    report.initial = [name for name in own if name not in filled]
    return report


def fit_upsampling(net: FCN, name: str, kernel: torch.Tensor, filled: State, report: Report, source: str) -> None:
    """Place an upsampling kernel: Caffe's and pytorch-fcn's are dense (C, C, k, k), ours one per channel (C, 1, k, k).

    A bilinear one needs no place where ours is fixed. One that was learned must have a place: losing it would change
    the net without a word.
    """
    own, size = net.state_dict().get(name), kernel.shape[-1]
    if kernel.shape[1] > 1:
        each = kernel.diagonal().permute(2, 0, 1)[:, None]  # (C, 1, k, k)
        separate = bool(kernel.count_nonzero() == each.count_nonzero())
    else:
        each, separate = kernel, True
    if own is not None and separate and own.shape == each.shape:
        filled[name] = each.to(own.dtype)
        (report.copied if each is kernel else report.coerced).append(name)
    elif separate and own is None and torch.allclose(each.float(), bilinear_kernel(size).expand(each.shape), atol=1e-4):
        report.bilinear.append(name)
    else:
        raise UserError(
            f"{source} has {name} of shape {tuple(kernel.shape)}: this upsampling was learned, or is another one than "
            "the net's. Set model.learned_upsampling=true and the model=... that the file was trained as. No place is "
            "there for channels that are mixed, nor for a learned last upsampling: to full size it is always bilinear."
        )


def fold_input(net: FCN, tensors: State, expects: Expects, given: Expects, report: Report) -> None:
    """Let the first convolution see the given input x = (scale * rgb - mean) / std where it expects another, y.

    With y = a * x + b per channel, w * y = (w * a) * x + sum(w * b). The sum goes into the convolution's bias, or off
    the mean that the batch norm behind it takes away.
    """
    first = f"backbone.{net.backbone.first}"
    if (weight := tensors.get(f"{first}.weight")) is None:
        return
    kernel = weight.double()
    wanted, seen = ([torch.tensor(values).double() for values in (i.mean, i.std)] for i in (expects, given))
    if expects.order != given.order:
        kernel, wanted = kernel.flip(1), [values.flip(0) for values in wanted]
    larger = expects.scale / given.scale
    slope, shift = larger * seen[1] / wanted[1], (larger * seen[0] - wanted[0]) / wanted[1]
    same = torch.allclose(slope, torch.ones(3).double()) and shift.abs().max() < 1e-6
    if same and expects.order == given.order:
        return
    constant = (kernel.sum((2, 3)) * shift).sum(1)
    folded = {f"{first}.weight": kernel * slope.view(1, 3, 1, 1)}
    own = net.state_dict()
    if (name := f"{first}.bias") in own:
        folded[name] = tensors.get(name, own[name]).double() + constant
    elif (name := f"backbone.{net.backbone.first_norm}.running_mean") in own:
        folded[name] = tensors.get(name, own[name]).double() - constant
    elif shift.abs().max() > 1e-6:
        raise UserError(
            f"The backbone's first convolution {net.backbone.first} has neither a bias nor a batch norm, so the mean "
            f"that the weights expect cannot be folded in. Feed what they expect (data.mean and so on): {expects}."
        )
    for name, tensor in folded.items():
        tensors[name] = tensor.to(own[name].dtype)
        report.copied = [copied for copied in report.copied if copied != name]
        report.coerced.append(name)
