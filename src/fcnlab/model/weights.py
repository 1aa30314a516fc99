"""Weights from elsewhere in any net: names, shapes, surgery, and a report that names every tensor once."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import nn

from fcnlab.error import UserError, nearest
from fcnlab.model.checkpoint import refuse_no_numbers
from fcnlab.model.first_layer import find_first, fit_input
from fcnlab.model.report import Report as Report
from fcnlab.model.report import shorten as shorten
from fcnlab.model.source import INPUTS, WRAPPERS, Expects, State, read_tensors
from fcnlab.model.upsample import bilinear_kernel

# Of a net's names, before those of a file.
PREFIXES = ("", "backbone.", "backbone.net.", "net.", "net.backbone.", "net.encoder.")
COUNTER = ".num_batches_tracked"  # of a batch norm: no weight, and torch before 0.4.1 saved none


def load_weights(net: nn.Module, source: str, *, expects: str = "auto", **given: Any) -> Report:
    """Fill any net from ``source`` and tell what became of every tensor.

    Names are matched with what wraps them left out (``module.`` of DataParallel, ``model.``, ``net.``).

    Args:
        source: a name of torchvision's weights for the net's backbone (downloaded, with progress), or a local .npz,
            .pth, .safetensors or .ckpt.
        given: the input that the net will see (``data.input``: mean, std, order, scale). What the weights expect
            instead is folded into the first convolution: exact inside the image; where the means differ, not on its
            padded border.
        expects: a key of ``INPUTS``, or ``auto``: a checkpoint of fcnlab tells its own, a net from elsewhere may
            (``net.input``), and else source and names tell.

    Raises:
        UserError: no tensor has a name of the net, or one has another shape.
    """
    backbone = getattr(net, "backbone", net)
    tensors, kind, wanted = read_tensors(source, getattr(backbone, "torchvision", None))
    if expects != "auto":
        if expects not in INPUTS:
            raise UserError(f"weights_input={expects} is not known. {nearest(expects, INPUTS)}")
        kind, wanted = expects, INPUTS[expects]
    elif kind != "fcnlab" and isinstance(told := getattr(net, "input", None), Expects):
        kind, wanted = "its own", told
    report, own = Report(expects=kind), dict(net.state_dict())
    first, norm = first_names(net)
    filled: State = {}
    for name, target in match(tensors, own).items():
        tensor = tensors[name]
        if target and own[target].is_floating_point() and not tensor.is_floating_point():
            raise UserError(
                f"{source} has {name} as whole numbers ({str(tensor.dtype).removeprefix('torch.')}), as quantized nets "
                "do; their scale is not read. Give weights of floating point."
            )
        if name.startswith("upscore"):
            fit_upsampling(net, name, tensor, filled, report, source)
        elif target is None:
            report.dropped.append(name)
        elif tensor.shape == own[target].shape:
            filled[target] = tensor.to(own[target].dtype)
            report.copied.append(target)
        elif tensor.ndim == 2 and tensor.numel() == own[target].numel() and len(tensor) == len(own[target]):
            # A fully connected layer (O, I) is a convolution (O, C, H, W): Caffe and torch both flatten C, H, W.
            filled[target] = tensor.reshape(own[target].shape).to(own[target].dtype)
            report.coerced.append(target)
        elif target == f"{first}.weight" and same_but_channels(tensor, own[target]):
            filled[target] = tensor  # fitted below
            report.coerced.append(target)
        elif is_score(net, target, own[target]) and tensor.shape[1:] == own[target].shape[1:]:
            report.dropped.append(name)  # scores of other classes: ours are learned anew
        else:
            raise UserError(
                f"{source} has {name} of shape {tuple(tensor.shape)}, but the net's {target} has "
                f"{tuple(own[target].shape)}. Build the net for it (the backbone of the weights, at full width), or "
                "take weights without this layer."
            )
    if not filled:
        raise UserError(
            f"{source} has no tensor of this net: it has {some(tensors)}; the net has {some(own)}. Choose "
            "weights for its backbone."
        )
    if first:
        fit_input(own, filled, first, norm, wanted, Expects(**given), report)
    refuse_no_numbers(source, filled)
    net.load_state_dict(filled, strict=False)
    report.initial = [name for name in own if name not in filled and not name.endswith(COUNTER)]
    return report


def fit_pretrained(net: nn.Module, **given: Any) -> Report | None:
    """Fit a net whose constructor brought weights (``pretrained: true``) to the input that it will see.

    None where there is nothing to fit. Args as those of :func:`load_weights`.
    """
    backbone = getattr(net, "backbone", net)
    if (wanted := getattr(backbone, "expects", None)) is None:
        return None
    (first, norm), own, report = first_names(net), dict(net.state_dict()), Report(expects="pretrained")
    tensors = {name: own[name].clone() for name in (f"{first}.weight", f"{first}.bias") if name in own}
    channels, count = own[f"{first}.weight"].shape[1], len(wanted.mean)
    if channels != count:  # whoever brought the weights fitted them to the channels
        return None
    fit_input(own, tensors, str(first), norm, wanted, Expects(**given), report)
    net.load_state_dict(tensors, strict=False)
    return report


def parts(
    net: nn.Module, weights: str | Mapping[str, str], given: Mapping[str, Any]
) -> Iterator[tuple[nn.Module, str, dict[str, Any]]]:
    """What of a net is filled from which source: a net of several streams stream by stream, each with its channels.

    Args:
        weights: a source for the whole, or for each stream by name.
        given: the input that the net will see.
    """
    streams: Mapping[str, int] = getattr(net, "streams", {})
    sources = weights if isinstance(weights, Mapping) else dict.fromkeys(streams, weights)
    if {*sources} != {*streams}:
        known = f"its streams are {', '.join(streams)}" if streams else "it has no streams. Give one file or name"
        raise UserError(f"weights={dict(sources)} does not fit the net: {known}.")
    if isinstance(weights, str) and not streams:
        yield net, weights, dict(given)
    begin = 0
    for name, channels in streams.items():
        own = slice(begin, begin := begin + channels)
        seen = {key: value[own] if isinstance(value, list | tuple) else value for key, value in given.items()}
        yield net.get_submodule(f"nets.{name}"), sources[name], seen


def first_names(net: nn.Module) -> tuple[str | None, str | None]:
    """The full names of the convolution that sees the image, and of the batch norm behind it."""
    if hasattr(net, "streams"):  # each has one of its own: see ``parts``
        return None, None
    owner: Any
    owner, prefix = (net.backbone, "backbone.") if hasattr(net, "backbone") else (net, "")
    if not getattr(owner, "first", None):
        return find_first(net)
    norm = getattr(owner, "first_norm", None)
    return f"{prefix}{owner.first}", f"{prefix}{norm}" if norm else None


def match(tensors: State, own: State) -> dict[str, str | None]:
    """For every name of a file the net's name for it, or None; no name of the net comes twice."""
    flat: dict[str, list[str]] = {}  # timm's features have _ for some of the dots in its names
    for name in own:
        flat.setdefault(name.replace(".", "_"), []).append(name)
    found: dict[str, str | None] = {}
    taken = set[str]()
    for name in tensors:
        found[name] = None
        for bare in unwrapped(name):
            for target in (f"{prefix}{bare}" for prefix in PREFIXES):
                known = [target] if target in own else flat.get(target.replace(".", "_"), [])
                if len(known) == 1 and known[0] not in taken:
                    found[name] = known[0]
                    break
            if found[name]:
                taken.add(str(found[name]))
                break
    return found


def unwrapped(name: str) -> Iterator[str]:
    """A name, then without its first wrapper, and so on."""
    yield name
    for wrapper in WRAPPERS:
        if name.startswith(wrapper):
            yield from unwrapped(name.removeprefix(wrapper))
            return


def same_but_channels(tensor: torch.Tensor, own: torch.Tensor) -> bool:
    """Whether two kernels (O, c, h, w) differ in c only."""
    return tensor.ndim == own.ndim == 4 and tensor.shape[:1] + tensor.shape[2:] == own.shape[:1] + own.shape[2:]


def is_score(net: nn.Module, name: str, tensor: torch.Tensor) -> bool:
    """Whether a tensor of the net scores the classes: by the paper's name, or in another net by their number."""
    if hasattr(net, "skips"):
        return name.removeprefix("heads.").rpartition(".")[0].rpartition(".")[2].startswith("score_")
    return len(tensor.shape) > 0 and len(tensor) == getattr(net, "num_classes", None)


def some(names: Iterable[str]) -> str:
    """The first few names, and how many there are."""
    known = list(names)
    return f"{', '.join(known[:4])}{f' and {len(known) - 4} more' if len(known) > 4 else ''}" if known else "none"


def fit_upsampling(net: nn.Module, name: str, kernel: torch.Tensor, filled: State, report: Report, source: str) -> None:
    """Load an upsampling kernel: Caffe's and pytorch-fcn's are dense (C, C, k, k), ours one per channel (C, 1, k, k).

    A bilinear one is not needed where ours is fixed. One that was learned must be kept: losing it would change
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
            "the net's. Set model.learned_upsampling=true and the model=... that the file was trained as. No layer is "
            "there for channels that are mixed, nor for a learned last upsampling: to full size it is always bilinear."
        )
