"""Where the features of any net lie: measured on the net's own layers, with every weight replaced by an average.

A feature's element is centred on the middle of the pixels that it sees. Padding, strides and kernels tell it for a
chain of convolutions; here the whole graph of a net of another library tells it, whatever its weights are.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from fcnlab.error import UserError

ELEMENTS = 4  # neighbours that are looked at together: what is upsampled within a net differs from one to the next
NEAR = 256  # pixels to each side in which the centre is looked for


def measure_offsets(
    forward: Callable[[torch.Tensor], Sequence[torch.Tensor]], *, channels: int, strides: Sequence[int]
) -> list[float]:
    """Offsets in pixels: element i of a feature is centred on input pixel ``stride * i + offset``.

    Args:
        forward: from an image (1, channels, H, W) to the features.
        strides: of the features.

    Raises:
        UserError: a feature looks at the whole image, wherever its element lies.
    """
    length = max(4 * NEAR, 32 * max(strides))
    image = torch.ones(1, channels, max(32, *strides), length, requires_grad=True)
    with Averages():
        features = forward(image)
    offsets = []
    for feature, stride in zip(features, strides, strict=True):
        first = feature.shape[-1] // 2 - ELEMENTS // 2
        seen = feature[..., first : first + ELEMENTS].sum()
        (gradient,) = torch.autograd.grad(seen, image, retain_graph=True)
        middle = stride * (first + (ELEMENTS - 1) / 2)
        offsets.append(centre(gradient.double().sum((0, 1, 2)), middle, stride) - middle)
    return offsets


def receptive_field(forward: Callable[[torch.Tensor], torch.Tensor], *, channels: int, stride: int) -> int:
    """Pixels along one side of what an element in the middle of a feature sees.

    Args:
        forward: from an image (1, channels, H, W) to the feature.
        stride: of the feature.
    """
    image = torch.ones(1, channels, 32, max(4 * NEAR, 64 * stride), requires_grad=True)
    with Averages():
        feature = forward(image)
    (gradient,) = torch.autograd.grad(feature[..., feature.shape[-1] // 2].sum(), image)
    return int(gradient.sum((0, 1, 2)).count_nonzero())


def centre(profile: torch.Tensor, guess: float, stride: int) -> float:
    """The centre, in pixels, of what stands out of a profile (W,) near ``guess``; the rest sees all pixels alike."""
    pixels = torch.arange(len(profile), dtype=torch.float64)
    inner = (pixels >= NEAR // 4) & (pixels < len(profile) - NEAR // 4)  # without the border
    for _ in range(5):  # a window that lies beside the centre cuts one side off
        near = (pixels - guess).abs() <= NEAR
        local = torch.where(near, profile - profile[inner & ~near].mean(), 0.0)
        if not local.sum() > 0.02 * profile.sum():
            raise UserError(
                f"The feature at stride {stride} sees the whole image alike, wherever its element lies: it cannot be "
                "told which pixels it belongs to. Take a net of convolutions."
            )
        guess = ((local * pixels).sum() / local.sum()).item()
    return guess


class Averages(TorchFunctionMode):
    """Calls of torch within this context average where a net would weigh, and let nothing see the whole image.

    Convolutions and matrix products take the mean of what they see, a maximum becomes a mean, normalisation and
    attention leave a map as it is, and what is pooled over a whole map counts as a constant.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Another function instead of some of torch's."""
        kwargs, name = dict(kwargs or {}), getattr(func, "__name__", "")
        with torch._C.DisableTorchFunction():
            if instead := INSTEAD.get(name):
                return instead(*args, **kwargs)
            result = func(*args, **kwargs)
        # A product of two maps is an attention, which mixes all positions.
        mixes = name in PRODUCTS and all(isinstance(x, torch.Tensor) and x.requires_grad for x in args[:2])
        return result.detach() if isinstance(result, torch.Tensor) and (mixes or name in POOLED) else result


def convolve(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: object = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> torch.Tensor:
    """A convolution whose weights are all the same: (N, c, h, w) -> (N, C, h', w')."""
    one = x.reshape(len(x), groups, -1, *x.shape[2:]).mean(2)  # (N, groups, h, w)
    kernel = x.new_full((groups, 1, *weight.shape[2:]), 1 / weight[0, 0].numel())
    seen = nn.functional.conv2d(one, kernel, None, stride, padding, dilation, groups)
    return seen.repeat_interleave(len(weight) // groups, 1)


def project(x: torch.Tensor, weight: torch.Tensor, bias: object = None) -> torch.Tensor:
    """A matrix product whose weights are all the same, (..., c) -> (..., C)."""
    return x.mean(-1, keepdim=True).expand(*x.shape[:-1], len(weight))


def pool(
    x: torch.Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> torch.Tensor:
    """The mean instead of a maximum."""
    return nn.functional.avg_pool2d(x, kernel_size, stride, padding, ceil_mode)


def pad(x: torch.Tensor, by: Sequence[int], mode: str = "constant", value: float | None = None) -> torch.Tensor:
    """Padding; what is meant to lose against every maximum is 0 in a mean."""
    return nn.functional.pad(x, by, mode, 0.0 if value == -torch.inf else value)


def steady(x: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
    """A map with values around 1, so that no activation bends it more than another."""
    return x / x.detach().abs().mean().clamp(min=1e-12)


def own_value(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
    """Attention that looks at itself only."""
    return value if value.shape[-2] == query.shape[-2] else value.detach().mean(-2, keepdim=True).expand_as(query)


def attend(x: torch.Tensor, dim: int = -1, *_: Any, **__: Any) -> torch.Tensor:
    """Weights of an attention that looks at itself only; elsewhere equal weights."""
    if x.ndim > 2 and x.shape[-1] == x.shape[-2] and dim in (-1, x.ndim - 1):
        return torch.eye(x.shape[-1], dtype=x.dtype).expand_as(x)
    return torch.full_like(x, 1 / x.shape[dim])


def unchanged(x: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
    """An activation with an edge, left out."""
    return x


INSTEAD: dict[str, Callable[..., Any]] = {
    "conv2d": convolve,
    "linear": project,
    "max_pool2d": pool,
    "_max_pool2d": pool,
    "boolean_dispatch": pool,
    "pad": pad,
    "batch_norm": steady,
    "layer_norm": steady,
    "group_norm": steady,
    "rms_norm": steady,
    "instance_norm": steady,
    "scaled_dot_product_attention": own_value,
    "softmax": attend,
    **dict.fromkeys(("relu", "relu_", "relu6", "hardtanh", "hardtanh_", "leaky_relu"), unchanged),
}
PRODUCTS = ("matmul", "bmm", "__matmul__", "einsum")
POOLED = ("mean", "norm", "var", "var_mean", "adaptive_avg_pool2d", "adaptive_max_pool2d", "amax", "vector_norm")
