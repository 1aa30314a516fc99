"""What the task asks of a loss, and how the losses of other libraries answer."""

import copy
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, Protocol

import torch
from torch import nn

from fcnlab.cli.checked import Checked
from fcnlab.data.datamodule import VOID
from fcnlab.error import UserError, raised
from fcnlab.metric.segmentation import most_likely

Reduction = Literal["mean", "sum"]
IGNORED = ("ignore_index", "ignore_label", "ignored_index", "ignore_value", "void_label", "ignore")

OF_LOG_PROBABILITIES = ("NLLLoss", "NLLLoss2d", "nll_loss")


class Given(NamedTuple):
    """What a loss is given of a batch: image (N, c, h, w) and mask (N, H, W), which may be of another size.

    Attributes:
        aux_weight: of the same loss on the net's output ``aux``, where it has one; 0 leaves it out.
        masks: of further heads by name, for a loss that knows of them (:class:`fcnlab.loss.heads.HeadLosses`).
    """

    image: torch.Tensor
    mask: torch.Tensor
    aux_weight: float = 0.0
    masks: Mapping[str, torch.Tensor] = {}


class Term(NamedTuple):
    """One part of a loss over a batch: a sum, what it is divided by, and its weight in the whole."""

    total: torch.Tensor
    over: torch.Tensor
    weight: float = 1.0

    @property
    def mean(self) -> torch.Tensor:
        """The value of this part for this process alone, a scalar; 0 where nothing counts."""
        return self.total / self.over.clamp(min=1e-12)


class Scored(NamedTuple):
    """A batch as a loss sees it: the parts by name (``""`` where there is one), and the labels (N, H, W)."""

    terms: dict[str, Term]
    prediction: torch.Tensor
    more: Mapping[str, torch.Tensor] = {}  # labels of further heads, by name


class Scorer(Protocol):
    """What a loss may ask of the task: the net, and its logits (N, C, H, W) in 32 bits."""

    net: nn.Module

    def outputs(self, image: torch.Tensor, size: torch.Size | None = None) -> dict[str, torch.Tensor]:
        """Logits by name: ``out``, and ``aux`` where the net gives such."""


class PixelLoss(Checked, nn.Module):
    """A loss of logits (N, C, H, W) and mask (N, H, W); subclasses say ``terms``.

    Attributes:
        reduction: ``mean`` or ``sum``: a learning rate is meant for one of them.
        needs_frequencies: whether ``class_weights`` must be set from the training masks.
        head: the head whose masks these are; empty for the first.
        weights: the parts that ``terms`` gives, by name, each with its weight.
    """

    reduction: Reduction = "mean"
    needs_frequencies = False
    head = ""
    weights: Mapping[str, float] = {"": 1.0}

    def terms(self, logits: torch.Tensor, mask: torch.Tensor) -> dict[str, Term]:
        """The parts of the loss, by name."""
        raise NotImplementedError

    def parts(self, aux_weight: float = 0.0) -> dict[str, float]:
        """The weights of the parts by name, with those of the net's output ``aux`` where it counts too."""
        aux = {f"{name}_aux" if name else "aux": weight * aux_weight for name, weight in self.weights.items()}
        return dict(self.weights) | (aux if aux_weight else {})

    def score(self, task: Scorer, given: Given) -> Scored:
        """Run the net on the image, hold its logits against the mask at the mask's own size."""
        outputs = task.outputs(given.image, given.mask.shape[-2:])
        return Scored(self.compare(outputs, given), most_likely(outputs["out"].detach()))

    def compare(self, outputs: Mapping[str, torch.Tensor], given: Given) -> dict[str, Term]:
        """The parts of the loss by name, those of the output ``aux`` too where it counts."""
        terms = self.terms(outputs["out"], given.mask)
        if given.aux_weight and "aux" in outputs:
            for name, term in self.terms(outputs["aux"], given.mask).items():
                terms[f"{name}_aux" if name else "aux"] = term._replace(weight=term.weight * given.aux_weight)
        return terms

    def forward(self, logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """The loss, a scalar."""
        return torch.stack([term.weight * term.mean for term in self.terms(logits, mask).values()]).sum()


class ForeignLoss(PixelLoss):
    """Any module or function (logits, mask) -> scalar: of torch, of another library, one's own.

    Over several processes its values are averaged, each weighted by its images: the mean of the processes' losses, as
    DDP takes the mean of their gradients. Ours are one mean over the pixels of all.

    A loss that was not told to leave out label 255 refuses masks that have such pixels. A batch of void alone counts 0.

    Args:
        loss: what is called.
        one_hot: with a mask (N, C, H, W) of zeros and ones instead of labels (N, H, W). Where a loss of MONAI has
            ``to_onehot_y`` it is labels (N, 1, H, W).
    """

    def __init__(self, loss: Callable[..., torch.Tensor], one_hot: bool = False) -> None:
        super().__init__()
        self.one_hot = one_hot
        self.loss, self.knows_void = loss, knows_void(loss)
        function = getattr(loss, "func", loss)  # what a partial function calls
        self.called = str(getattr(function, "__name__", type(function).__name__))
        told = getattr(loss, "keywords", {}).get("reduction") or getattr(loss, "reduction", None)
        self.reduction = "sum" if told == "sum" else "mean"
        if self.called in OF_LOG_PROBABILITIES:
            raise UserError(
                f"loss={self.called} takes log-probabilities, but is given logits. Take torch.nn.CrossEntropyLoss: it "
                "is the same loss of logits."
            )
        if told == "none":
            raise UserError(f"loss={self.called} has reduction=none: a number per pixel. Set it to mean or sum.")
        if getattr(loss, "from_logits", True) is False:
            raise UserError(f"loss={self.called} has from_logits=false, but is given logits. Set it to true.")
        self.tried = False

    def terms(self, logits: torch.Tensor, mask: torch.Tensor) -> dict[str, Term]:
        """One part, weighted by its images."""
        name, void = self.called, mask == VOID
        if not self.knows_void and bool(void.any()):
            raise UserError(
                f"loss={name} takes no ignore index, but the masks hold void pixels (255), which it would learn from. "
                "Take a loss with ignore_index, or masks without void."
            )
        try:
            value = self.loss(logits, self.target(mask, logits.shape[1]))
            self.refuse_broadcast(logits.detach(), mask)
        except UserError:
            raise
        except Exception as error:  # what another library's loss raises is its own
            raise UserError(
                f"loss={name} does not take logits {tuple(logits.shape)} with a mask {tuple(mask.shape)} of labels: "
                f"{raised(error)}. Set its options, or wrap it in a function of your own; one that takes masks (N, C, "
                "H, W) of zeros and ones stands in loss={_target_: fcnlab.loss.base.ForeignLoss, one_hot: true, loss: "
                "{_target_: ...}}. trace=true shows the stack."
            ) from error
        if not isinstance(value, torch.Tensor) or value.numel() != 1:
            if isinstance(value, torch.Tensor):
                raise UserError(
                    f"loss={name} gives {tuple(value.shape)}, not one number. Set its reduction to mean or sum."
                )
            raise UserError(
                f"loss={name} gives a {type(value).__name__}, not a tensor of one number. Wrap it in a function of "
                "your own that returns the number to minimise."
            )
        if logits.requires_grad and not value.requires_grad and not bool(void.all()):
            raise UserError(f"loss={name} gives a number that does not depend on the logits: nothing would be learned.")
        count = len(mask) * (~void).any().to(value.dtype)
        value = torch.where(count > 0, value.reshape(()), logits.sum() * 0)  # 0 / 0 in most libraries
        return {"": Term(value * count, count)}

    def target(self, mask: torch.Tensor, classes: int) -> torch.Tensor:
        """A mask of labels (N, H, W) as the loss takes it."""
        if self.one_hot:
            return nn.functional.one_hot(mask, classes).movedim(-1, 1).float()
        return mask[:, None] if getattr(self.loss, "to_onehot_y", False) is True else mask

    def refuse_broadcast(self, logits: torch.Tensor, mask: torch.Tensor) -> None:
        """Raise UserError for a loss of two tensors alike, as MSELoss: torch stretches the mask where N is 1 or C.

        A loss of labels takes any number of images: once, copies of a corner are tried.
        """
        images, classes = logits.shape[:2]
        if self.tried or images not in (1, classes):
            return
        self.tried = True
        loss, corner = copy.deepcopy(self.loss), (..., slice(32), slice(32))
        try:
            with torch.no_grad():
                loss(logits[corner], self.target(mask[corner], classes))
        except Exception:  # it wants more than a corner: nothing is known
            return
        try:
            with torch.no_grad():
                copies = [one[corner][:1].repeat(classes + 1, *[1] * (one.ndim - 1)) for one in (logits, mask)]
                loss(copies[0], self.target(copies[1], classes))
        except Exception as error:
            raise UserError(
                f"loss={self.called} takes batches of 1 or {classes} images only: it holds logits (N, {classes}, H, W) "
                "against labels (N, H, W) number by number, image against class. Take a loss of class labels, or wrap "
                "it in a function of your own that makes them one-hot."
            ) from error


def adapt(loss: Any) -> PixelLoss:
    """A loss as the task needs it: ours as it is, another one wrapped. Raises UserError for what cannot be called."""
    if not callable(loss):
        raise UserError(f"loss builds a {type(loss).__name__}, which cannot be called with (logits, mask).")
    return loss if isinstance(loss, PixelLoss) else ForeignLoss(loss)


def knows_void(loss: Any) -> bool:
    """Whether a built loss was told which label to ignore: by an attribute, or by what a function is given or has."""
    if isinstance(loss, functools.partial):
        return any(loss.keywords.get(name) == VOID for name in IGNORED)
    if inspect.isfunction(loss):
        defaults = inspect.signature(loss).parameters
        return any(name in defaults and defaults[name].default == VOID for name in IGNORED)
    told = any(getattr(loss, name, None) == VOID for name in IGNORED)
    return told or (isinstance(loss, nn.Module) and any(knows_void(inner) for inner in loss.children()))
