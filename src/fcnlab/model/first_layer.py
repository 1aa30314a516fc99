"""The convolution that sees the image: found in any net, changed to other channels, fitted to another input."""

import torch
from torch import nn

from fcnlab.error import UserError
from fcnlab.model.report import Report
from fcnlab.model.source import Expects, State


def find_first(net: nn.Module) -> tuple[str | None, str | None]:
    """The name of the first convolution of a net, and of the batch norm that follows it; None where there is none."""
    first = None
    for name, module in net.named_modules():
        if isinstance(module, nn.Conv2d):
            if first is not None:
                return first, None
            first = name
        elif isinstance(module, nn.BatchNorm2d) and first is not None:
            same = module.num_features == net.get_submodule(first).out_channels
            return first, name if same else None
    return first, None


def take_channels(net: nn.Module, channels: int) -> None:
    """Let the first convolution take images of so many channels; it begins at random where it changes."""
    name, _ = find_first(net)
    conv = net.get_submodule(name or "")
    if not isinstance(conv, nn.Conv2d) or conv.groups != 1:
        raise UserError(f"{type(net).__name__} has no first convolution to take {channels} channels. Leave it at 3.")
    if conv.in_channels != channels:
        conv.in_channels = channels
        shape = (conv.out_channels, channels, *conv.kernel_size)
        conv.weight = nn.Parameter(torch.empty(shape, device=conv.weight.device, dtype=conv.weight.dtype))
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")


def per_channel(values: object, channels: int) -> torch.Tensor:
    """Numbers of an input as (channels,): one number holds for each channel."""
    tensor = torch.tensor(values).double().flatten()
    return tensor.expand(channels) if len(tensor) == 1 else tensor


def fit_input(
    own: State, tensors: State, first: str, norm: str | None, expects: Expects, given: Expects, report: Report
) -> None:
    """Let the first convolution see the given input x = (scale * values - mean) / std where it expects another, y.

    With y = a * x + b per channel, w * y = (w * a) * x + sum(w * b). The sum goes into the convolution's bias, or off
    the mean that the batch norm behind it takes away.

    An image of other channels: the filter of a new one is the mean of the others, as the FCN authors did for depth; one
    grey channel gets the sum of the three, which sees it as RGB of three equal values.

    Args:
        own, tensors: the net's by name, and what will be loaded, which changes here.
        first, norm: names of the convolution, and of its batch norm if there is one.
    """
    if (weight := tensors.get(f"{first}.weight")) is None:
        return
    kernel, channels = weight.double(), own[f"{first}.weight"].shape[1]
    common = weight.shape[1]
    if common != channels and (common != 3 or channels == 2):
        raise UserError(
            f"The weights are for images of {common} channels, the net takes {channels}. Only filters of three "
            "channels are fitted, to 1 channel or to more than 3."
        )
    if common != len(expects.mean):  # weights of other channels than three tell no input
        expects = given
    wanted = [torch.tensor(values).double() for values in (expects.mean, expects.std)]
    seen = [per_channel(values, channels) for values in (given.mean, given.std)]
    seen = [values.expand(common) if channels == 1 else values[:common] for values in seen]
    turned = expects.order != given.order and common == 3
    if turned:
        kernel, wanted = kernel.flip(1), [values.flip(0) for values in wanted]
    larger = expects.scale / given.scale
    slope, shift = larger * seen[1] / wanted[1], (larger * seen[0] - wanted[0]) / wanted[1]
    same = torch.allclose(slope, torch.ones_like(slope)) and shift.abs().max() < 1e-6
    if same and not turned and common == channels:
        return
    constant = (kernel.sum((2, 3)) * shift).sum(1)
    kernel = kernel * slope.view(1, -1, 1, 1)
    if channels == 1:
        kernel = kernel.sum(1, keepdim=True)
        report.channels = "the first convolution takes 1 channel with the sum of 3 filters"
    elif channels > common:
        mean = kernel.mean(1, keepdim=True)
        kernel = torch.cat([kernel, mean.expand(-1, channels - common, -1, -1)], 1)
        report.channels = (
            f"the first convolution takes {channels} channels, each beyond 3 with the mean of their filters"
        )
    folded = {f"{first}.weight": kernel}
    if (name := f"{first}.bias") in own:
        folded[name] = tensors.get(name, own[name]).double() + constant
    elif (name := f"{norm}.running_mean") in own:
        folded[name] = tensors.get(name, own[name]).double() - constant
    elif shift.abs().max() > 1e-6:
        raise UserError(
            f"The first convolution {first} has neither a bias nor a batch norm, so the mean "
            f"that the weights expect cannot be folded in. Feed what they expect (data.mean and so on): {expects}."
        )
    for name, tensor in folded.items():
        tensors[name] = tensor.to(own[name].dtype)
        report.copied = [copied for copied in report.copied if copied != name]
        if name not in report.coerced:
            report.coerced.append(name)
