"""Several masks for one image: what each further head of a net learns from, as differences from the first."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from fcnlab.data.transforms import Mask
from fcnlab.error import UserError
from fcnlab.model.heads import check_head_names


class Labelled(Protocol):
    """What a data set is here: named images, a mask for each, and further data sets of the same images."""

    @property
    def heads(self) -> Mapping[str, "Labelled"]:
        """By name."""

    def names(self, split: str) -> Sequence[str]:
        """The names of the images of a split."""

    def read_mask(self, split: str, index: int) -> Mask:
        """The mask (H, W) of one image."""


def noting(init: Callable[..., None]) -> Callable[..., None]:
    """A constructor that keeps what it is given as ``self.given``; of those of a class and its bases the outermost."""

    @functools.wraps(init)
    def noted(self: Any, *values: Any, **given: Any) -> None:
        if "given" not in vars(self):
            self.given = given
        init(self, *values, **given)

    return noted


Data = TypeVar("Data", bound=Labelled)


def build_heads(data: Data, given: Mapping[str, Any], heads: Mapping[str, Mapping[str, Any]] | None) -> dict[str, Data]:
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


def check_names(data: Labelled, split: str) -> None:
    """Raise UserError where a further labelling is not of the same images."""
    for name, head in data.heads.items():
        if list(head.names(split)) != list(data.names(split)):
            raise UserError(
                f"data.heads.{name} has {len(head.names(split))} images in split {split!r}, which are not the "
                f"{len(data.names(split))} of the first masks, name by name. Every image needs a mask for every head."
            )


def read_masks(data: Labelled, split: str, index: int) -> dict[str, Mask]:
    """The mask (H, W) of every further head for one image."""
    return {name: head.read_mask(split, index) for name, head in data.heads.items()}


def class_names(facts: Mapping[str, Any]) -> dict[str, list[str]]:
    """The class names of every head out of the facts of data or a checkpoint; ``out`` is the first."""
    more = facts.get("heads") or {}
    return {"out": list(facts["class_names"])} | {name: list(head["class_names"]) for name, head in more.items()}


def palettes(facts: Mapping[str, Any]) -> dict[str, Sequence[Sequence[int]]]:
    """The same of palettes."""
    return {"out": facts["palette"]} | {name: head["palette"] for name, head in (facts.get("heads") or {}).items()}
