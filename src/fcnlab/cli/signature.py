"""What a ``_target_`` takes: the names, types and ranges that its constructor declares."""

import inspect
import logging
import sys
import typing
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import hydra

from fcnlab.error import UserError, one_line

NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
logging.getLogger("hydra.utils").setLevel(logging.CRITICAL)  # what it logs it raises too
PACKAGE = __name__.partition(".")[0]


class Taken(NamedTuple):
    """The keywords of a class or function by name, with their types.

    Attributes:
        open: it takes others too (``**kwargs``), or does not tell what it takes.
    """

    keywords: Mapping[str, Any]
    open: bool


def taken(target: str) -> Taken:
    """What a ``_target_`` takes. ``**common`` of a constructor is what the class above takes.

    Raises:
        UserError: there is no such class or function.
    """
    try:
        found = hydra.utils.get_object(target)
    except Exception as error:
        raise UserError(f"Cannot import _target_={target}: {one_line(error)}.") from error
    return takes(found)


def takes(found: Any) -> Taken:
    """The same of a class or function itself."""
    if not inspect.isclass(found):
        return Taken(*keywords(found))
    known: dict[str, Any] = {}
    for cls in found.__mro__:
        chooses = "__new__" in vars(cls) and "__init__" not in vars(cls)  # another class: torchmetrics' do
        if not chooses and "__init__" not in vars(cls):
            continue
        # Beside a __new__ of the same class, inspect would tell only what that one takes.
        own, more = keywords(cls) if chooses else keywords(vars(cls)["__init__"], bound=True)
        known = {**own, **known}
        if hasattr(cls, "__post_init__") and keywords(cls.__post_init__)[1]:
            return Taken(known, open=True)  # a dataclass that hands on what it does not know: configs of transformers
        if chooses:
            return Taken(known, more)
        if not more or cls is object:
            # A library may do with **kwargs what it likes; here they go to the class above.
            return Taken(known, open=bool(more) or (len(known) > len(own) and not is_own(cls)))
    return Taken(known, open=True)


def is_own(cls: type) -> bool:
    """Whether a class is of this package."""
    return cls.__module__.partition(".")[0] == PACKAGE


def keywords(found: Callable[..., Any], *, bound: bool = False) -> tuple[dict[str, Any], bool]:
    """The keywords of a function or a class's own constructor with their types, and whether it takes others too.

    Args:
        bound: the first parameter is ``self``.
    """
    try:
        parameters = list(inspect.signature(found).parameters.values())[int(bound) :]
    except (ValueError, TypeError):  # a builtin
        return {}, True
    module = vars(sys.modules.get(getattr(found, "__module__", ""), typing))  # a builtin has none
    known = {p.name: resolved(p, module) for p in parameters if p.kind in NAMED}
    return known, any(p.kind is p.VAR_KEYWORD for p in parameters)


def resolved(parameter: inspect.Parameter, module: Mapping[str, Any]) -> Any:
    """A parameter's type; Any where it tells none. A default of None means that null may be given."""
    if parameter.annotation is parameter.empty:
        return Any

    def holder() -> None: ...

    holder.__annotations__ = {"value": parameter.annotation}
    try:
        hint = typing.get_type_hints(holder, globalns=dict(module), include_extras=True)["value"]
    except Exception:  # a name that the library imports for its type checker only
        return Any
    return hint | None if parameter.default is None and hint is not Any else hint
