"""Several masks for one image: what each further head of a net learns from, as differences from the first."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fcnlab.data.transforms import Mask
from fcnlab.error import UserError
from fcnlab.model.heads import check_head_names

if TYPE_CHECKING:
    from fcnlab.data.datamodule import SegmentationData


def noting(init: Callable[..., None]) -> Callable[..., None]:
    """A constructor that keeps what it is given as ``self.given``; of those of a class and its bases the outermost."""

    @functools.wraps(init)
    def noted(self: Any, *values: Any, **given: Any) -> None:
        if "given" not in vars(self):
            self.given = given
        init(self, *values, **given)

    return noted


def build_heads(
    data: "SegmentationData", given: Mapping[str, Any], heads: Mapping[str, Mapping[str, Any]] | None
) -> "dict[str, SegmentationData]":
    """A data set like ``data`` for every further head: the same images, other masks.

    Args:
        given: what ``data`` was built with.
        heads: by name what is different, as ``{geometric: {labels: geometric}}``.
    """
    check_head_names(heads or {}, "data.heads")
    found = {}
    for name, difference in (heads or {}).items():
        if not isinstance(difference, Mapping) or not difference:
            raise UserError(
                f"data.heads.{name}={difference} says nothing of its masks. Give the settings in which they differ "
                "from the first ones, as data.heads={parts: {masks: parts, classes: parts.txt}}."
            )
        found[name] = type(data)(**{**given, "heads": None, "hide": None, "augment": None, **difference})
    return found


def check_names(data: "SegmentationData", split: str) -> None:
    """Raise UserError where a further labelling is not of the same images."""
    for name, head in data.heads.items():
        if list(head.names(split)) != list(data.names(split)):
            raise UserError(
                f"data.heads.{name} has {len(head.names(split))} images in split {split!r}, which are not the "
                f"{len(data.names(split))} of the first masks, name by name. Every image needs a mask for every head."
            )


def read_masks(data: "SegmentationData", split: str, index: int) -> dict[str, Mask]:
    """The mask (H, W) of every further head for one image."""
    return {name: head.read_mask(split, index) for name, head in data.heads.items()}


def check_sizes(mask: Mask, more: Mapping[str, Mask], name: str) -> None:
    """Raise UserError where the masks of an image differ in size."""
    for head, other in more.items():
        if other.shape != mask.shape:
            raise UserError(
                f"The mask of {name} for head {head} is {other.shape[1]}x{other.shape[0]}, the first one "
                f"{mask.shape[1]}x{mask.shape[0]}. The masks of an image have one size."
            )


def class_names(facts: Mapping[str, Any]) -> dict[str, list[str]]:
    """The class names of every head out of the facts of data or a checkpoint; ``out`` is the first."""
    more = facts.get("heads") or {}
    return {"out": list(facts["class_names"])} | {name: list(head["class_names"]) for name, head in more.items()}


def palettes(facts: Mapping[str, Any]) -> dict[str, Sequence[Sequence[int]]]:
    """The same of palettes."""
    return {"out": facts["palette"]} | {name: head["palette"] for name, head in (facts.get("heads") or {}).items()}
