"""Constructors that hold what they are given in Python against their types, as the schema holds a config.

``VGG16(width=-1)`` in a notebook is refused in the same words as ``model.backbone.width=-1``.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

from fcnlab.cli.schema import faults
from fcnlab.cli.signature import keywords
from fcnlab.error import UserError


class Checked:
    """A base class: the constructors of those below it look at their keywords before they use them."""

    def __init_subclass__(cls, **common: Any) -> None:
        """Put the look before the constructor that a subclass writes."""
        super().__init_subclass__(**common)
        if "__init__" in vars(cls):
            setattr(cls, "__init__", looking(vars(cls)["__init__"]))  # noqa: B010 mypy knows no other way


def looking(constructor: Callable[..., None]) -> Callable[..., None]:
    """A constructor that raises UserError for a plain value that is not of its type; objects are let in."""

    @functools.wraps(constructor)
    def construct(self: Any, *positional: Any, **given: Any) -> None:
        known, _ = keywords(constructor)
        for name in known.keys() & given.keys():
            if is_plain(given[name]):
                for fault in faults(given[name], known[name], name, own=True):
                    raise UserError(f"{type(self).__name__}: {fault}")
        constructor(self, *positional, **given)

    return construct


def is_plain(value: Any) -> bool:
    """Whether a value is one that YAML knows, tuples included."""
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and is_plain(inner) for key, inner in value.items())
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    return value is None or type(value) in (bool, int, float, str)
