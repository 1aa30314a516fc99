"""Which parameters learn, and how fast."""

import functools
import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt
from torch import nn

from fcnlab.cli.checked import Checked
from fcnlab.cli.signature import takes
from fcnlab.error import UserError, kind, nearest
from fcnlab.loss.base import Reduction


class Optim(Checked):
    """A recipe of learning.

    Args:
        optimizer: makes a torch optimiser from parameter groups (``_partial_: true``).
        lr, weight_decay: base values.
        reduction: the loss reduction for which ``lr`` is meant.
        bias_lr_factor: biases learn this much faster, and never decay: 2 in the paper, 1 in the usual recipes.
        lr_factors: factor by the beginning of a parameter's name, the longest that fits; ``{backbone.conv: 0.1}`` lets
            a pretrained backbone learn slowly.
        freeze: beginnings of the names of parameters that do not learn. A batch norm's running mean and variance are no
            parameters: they follow the training images all the same.
    """

    def __init__(
        self,
        *,
        optimizer: Callable[..., torch.optim.Optimizer],
        lr: Annotated[float, Gt(0)],
        weight_decay: Annotated[float, Ge(0)],
        reduction: Reduction,
        bias_lr_factor: Annotated[float, Ge(0)] = 1.0,
        lr_factors: Mapping[str, Annotated[float, Ge(0)]] | None = None,
        freeze: Sequence[str] = (),
    ) -> None:
        for key in {"lr", "weight_decay"} & {*getattr(optimizer, "keywords", {})}:
            raise UserError(f"optim.optimizer.{key} would not be used. Set optim.{key}=...")
        self.optimizer, self.lr, self.weight_decay, self.reduction = optimizer, lr, weight_decay, reduction
        self.bias_lr_factor, self.lr_factors, self.freeze = bias_lr_factor, dict(lr_factors or {}), tuple(freeze)

    @classmethod
    def of(cls, optimizer: functools.partial[Any]) -> "Optim":
        """The recipe of an optimiser alone, as ``{_target_: torch.optim.Adam, lr: 0.01}``: with its own defaults.

        Raises:
            UserError: it says no rate, and has none of its own.
        """
        given = dict(optimizer.keywords)
        own = {name: one.default for name, one in inspect.signature(optimizer.func).parameters.items()}
        known = {name: given.pop(name, own.get(name)) for name in ("lr", "weight_decay")}
        if not isinstance(known["lr"], float | int):
            raise UserError(f"optim={optimizer.func.__name__} has no rate of its own. Set it: optim.lr=1e-3")
        decay = known["weight_decay"] if isinstance(known["weight_decay"], float | int) else 0.0
        later = functools.partial(optimizer.func, **given)
        return cls(optimizer=later, lr=known["lr"], weight_decay=decay, reduction="mean")

    def check_reduction(self, loss_reduction: str) -> None:
        """A rate is meant for one reduction of the loss; with another it is off by the number of pixels."""
        if loss_reduction != self.reduction:
            raise UserError(
                f"optim.lr={self.lr} is meant for loss.reduction={self.reduction}, but the loss takes the "
                f"{loss_reduction}. A sum over the 187,500 pixels of a 500x375 image is 187,500 times the mean: lr "
                f"1e-10 on the sum is 1.9e-5 on the mean, and weight decay must grow by what lr shrinks. Set "
                f"loss.reduction={self.reduction}, or convert both and say optim.reduction={loss_reduction}."
            )

    def build(self, net: nn.Module, beside: Mapping[str, nn.Parameter] | None = None) -> torch.optim.Optimizer:
        """The optimiser over ``net``'s learning parameters, and over those ``beside`` it, by name (of a loss, say).

        Raises:
            UserError: nothing learns, or the optimiser does not take what it is given.
        """
        learning = dict(net.named_parameters()) | dict(beside or {})
        for beginning in self.freeze:
            for name in self.matching(beginning, learning, "optim.freeze"):
                learning[name].requires_grad_(False)
        norms = {f"{name}.bias" for name, module in net.named_modules() if isinstance(module, nn.BatchNorm2d)}
        groups = list(self.groups(learning, norms))
        if not groups:
            raise UserError(f"optim.freeze={list(self.freeze)} leaves no parameter to learn. Freeze fewer layers.")
        make = getattr(self.optimizer, "func", self.optimizer)
        name, known = getattr(make, "__name__", type(make).__name__), takes(make)
        values: dict[str, Any] = {"lr": self.lr, "weight_decay": self.weight_decay}
        if not known.open and "weight_decay" not in known.keywords and values.pop("weight_decay"):
            raise UserError(f"optim.weight_decay={self.weight_decay} has no use: {name} takes none. Set it to 0.")
        try:
            optimizer = self.optimizer(groups, **values)
        except Exception as error:  # what a library's constructor raises is its own
            raise UserError(f"optim.optimizer: {name} cannot be built: {error}") from error
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise UserError(f"optim.optimizer builds {kind(optimizer)}. It must be a torch Optimizer.")
        return optimizer

    def groups(self, learning: Mapping[str, nn.Parameter], norms: Collection[str]) -> Iterator[dict[str, Any]]:
        """Parameter groups by rate and decay; biases and batch norm (``norms``: their biases) do not decay."""
        factors = dict.fromkeys(learning, 1.0)
        for beginning in sorted(self.lr_factors, key=len):
            for name in self.matching(beginning, learning, "optim.lr_factors"):
                factors[name] = self.lr_factors[beginning]
        groups: dict[tuple[float, float], list[nn.Parameter]] = {}
        for name, parameter in learning.items():
            if parameter.requires_grad:
                is_bias = name.rpartition(".")[2] == "bias" and name not in norms
                factor = factors[name] * (self.bias_lr_factor if is_bias else 1.0)
                decay = self.weight_decay if parameter.ndim > 1 else 0.0
                groups.setdefault((factor, decay), []).append(parameter)
        for (factor, decay), parameters in groups.items():
            yield {"params": parameters, "lr": self.lr * factor, "weight_decay": decay}

    def matching(self, beginning: str, learning: Iterable[str], key: str) -> list[str]:
        """The names of parameters that begin so; none is an error."""
        names = list(learning)
        found = [name for name in names if name.startswith(beginning)]
        if not found:
            known = {name.rsplit(".", 1)[0] for name in names}
            raise UserError(f"{key} names {beginning!r}, but no parameter begins so. {nearest(beginning, known)}")
        return found
