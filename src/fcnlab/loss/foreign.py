"""Losses of other libraries and of one's own: called as they want to be, refused where they would be wrong."""

import copy
import functools
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from fcnlab.data.datamodule import VOID
from fcnlab.error import UserError, raised
from fcnlab.loss.base import PixelLoss, Term

IGNORED = ("ignore_index", "ignore_label", "ignored_index", "ignore_value", "void_label", "ignore")
OF_LOG_PROBABILITIES = ("NLLLoss", "NLLLoss2d", "nll_loss")


class ForeignLoss(PixelLoss):
    """Any module or function (logits, mask) -> scalar: of torch, of another library, one's own.

    Over several processes its values are averaged, each weighted by its images: the mean of the processes' losses, as
    DDP takes the mean of their gradients. Ours are one mean over the pixels of all.

    A loss that was not told to leave out label 255 refuses masks that have such pixels. A batch of void alone counts 0.

    Args:
        loss: what is called.
        one_hot: with a mask (N, C, H, W) of zeros and ones instead of labels (N, H, W). Where a loss of MONAI has
            ``to_onehot_y`` it is labels (N, 1, H, W).
        labelled_only: with each image's K labelled pixels alone, (1, C, 1, K) and (1, 1, K), and then averaged over the
            images: for losses that know no void and do not look at where a pixel is.
    """

    def __init__(self, loss: Callable[..., torch.Tensor], one_hot: bool = False, labelled_only: bool = False) -> None:
        super().__init__()
        self.one_hot, self.labelled_only = one_hot, labelled_only
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
        if not self.knows_void and not self.labelled_only and bool(void.any()):
            raise UserError(
                f"loss={name} takes no ignore index, but the masks hold void pixels (255), which it would learn from. "
                "Take a loss with ignore_index, or masks without void. A loss that does not look at the position of "
                "pixels can be given the labelled ones alone: loss={_target_: fcnlab.loss.foreign.ForeignLoss, "
                "labelled_only: true, loss: {_target_: ...}}."
            )
        try:
            if self.labelled_only:
                value = self.by_image(logits, mask)
            else:
                value = self.value(logits, mask)
                self.refuse_broadcast(logits.detach(), mask)
        except UserError:
            raise
        except Exception as error:  # what another library's loss raises is its own
            raise UserError(
                f"loss={name} does not take logits {tuple(logits.shape)} with a mask {tuple(mask.shape)} of labels: "
                f"{raised(error)}. Set its options, or wrap it in a function of your own; one that takes masks (N, C, "
                "H, W) of zeros and ones stands in loss={_target_: fcnlab.loss.foreign.ForeignLoss, one_hot: true, "
                "loss: {_target_: ...}}. trace=true shows the stack."
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
        with_labels = (~void).flatten(1).any(1).sum() if self.labelled_only else len(mask) * (~void).any()
        count = with_labels.to(value.dtype)
        value = torch.where(count > 0, value.reshape(()), logits.sum() * 0)  # 0 / 0 in most libraries
        return {"": Term(value * count, count)}

    def value(self, logits: torch.Tensor, mask: torch.Tensor) -> Any:
        """What the loss gives for logits (N, C, H, W) and a mask (N, H, W)."""
        return self.loss(logits, self.target(mask, logits.shape[1]))

    def by_image(self, logits: torch.Tensor, mask: torch.Tensor) -> Any:
        """The mean, or sum, of the losses of the images' labelled pixels. Raises UserError where their order counts."""
        pixels = [
            (scores[None, :, None, labelled], labels[None, None, labelled])
            for scores, labels, labelled in zip(logits, mask, mask != VOID, strict=True)
            if labelled.any()
        ]
        values = [self.value(*one) for one in pixels]
        if not values:
            return logits.sum() * 0
        if not self.tried:
            order = torch.randperm(pixels[0][1].shape[-1], generator=torch.Generator().manual_seed(0)).to(mask.device)
            mixed = [one[..., order] for one in pixels[0]]
            with torch.no_grad():
                other = self.value(*mixed)
            if not torch.allclose(other, values[0], rtol=1e-3, atol=1e-5, equal_nan=True):
                raise UserError(
                    f"loss={self.called} gives {values[0]:.6g} for the labelled pixels of an image and {other:.6g} "
                    "for the same in another order. It looks at their position: labelled_only=true is not for it."
                )
            self.refuse_broadcast(pixels[0][0].detach(), pixels[0][1])
            self.tried = True
        return torch.stack(values).mean() if self.reduction == "mean" else torch.stack(values).sum()

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
