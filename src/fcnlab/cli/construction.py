"""Constructors that check what they are given in Python as a config is checked: by their own annotations."""

import functools
import json
from collections.abc import Callable
from typing import Any

from fcnlab.cli.annotation import accepts
from fcnlab.cli.signature import keywords
from fcnlab.error import UserError


class Checked:
    """A base class: the constructor of each class below it refuses values that its annotations do not accept.

    Each constructor checks the keywords that it names itself; what it hands on is checked by the one above. Objects,
    which no config can hold, are left to the type checker.
    """

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        if "__init__" in vars(cls):
            cls.__init__ = checked(cls.__init__)  # type: ignore[method-assign]


def checked(init: Callable[..., None]) -> Callable[..., None]:
    """The same constructor, which raises UserError for a keyword of another type or range than it names."""

    @functools.wraps(init)
    def construct(self: Any, *positional: Any, **given: Any) -> None:
        known = keywords(init)[0]
        for name, value in given.items():
            if name in known and is_plain(value) and not accepts(known[name], value):
                from fcnlab.cli.schema import told  # it knows every setting of every command

                raise UserError(f"{type(self).__name__}: {told(value, known[name], name)}")
        init(self, *positional, **given)

    return construct


def is_plain(value: Any) -> bool:
    """Whether a config could hold the value."""
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True
