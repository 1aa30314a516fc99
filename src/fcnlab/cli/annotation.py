"""Type annotations as rules for values of a config: what a type accepts, and how it is told in words."""

import inspect
import json
import types
import typing
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence, Sized
from functools import lru_cache
from numbers import Integral, Number, Real
from typing import Annotated, Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MultipleOf
from annotated_types import Interval as Interval
from annotated_types import Len as Len
from pydantic import ConfigDict, TypeAdapter, ValidationError

WORDS: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    type(None): "null",
    None: "null",
}
PLURALS = {"a whole number": "whole numbers", "a number": "numbers", "text": "names"}
OBJECT = "a mapping with a _target_"
MAPPINGS = (dict, Mapping)
BOUNDS = {"gt": "above", "ge": "from", "le": "to", "lt": "to below"}

# Abstract kinds for which pydantic has no rule for plain values, and what answers to them in YAML.
CONCRETE: dict[Any, Any] = dict.fromkeys((Collection, Container, Iterator, Sized), Sequence)
CONCRETE |= {Number: float, Real: float, Integral: int}


@lru_cache(maxsize=4096)
def adapter(annotation: Any, own: bool) -> TypeAdapter[Any]:
    """Pydantic's rule for an annotation; objects of any class are let in, numbers and words are not converted."""
    settings = ConfigDict(arbitrary_types_allowed=True, allow_inf_nan=not own, str_min_length=int(own))
    return TypeAdapter(annotation, config=settings)


def accepts(annotation: Any, value: Any, *, own: bool = False) -> bool:
    """Whether a plain value, as YAML knows it, is of a type. What pydantic cannot make a rule of accepts all.

    Args:
        own: of a setting of this package: infinity, NaN and a text without a letter (a shell's unset variable) are
            refused. A library may mean something by them.
    """
    if annotation in (Any, inspect.Parameter.empty, object):
        return True
    try:
        rule = adapter(concrete(annotation), own)
    except Exception:  # an unhashable annotation, or one that pydantic knows no rule for
        return True
    try:
        found = rule.validate_json(json.dumps(value), strict=True)  # as JSON, where a list is a tuple too
    except (ValidationError, TypeError):
        return False
    return isinstance(found, bool) == isinstance(value, bool)  # to Python, 0 is False among choices


def of_items(annotation: Any) -> Any:
    """The type of the items of a list or the values of a mapping; Any where it is not told."""
    bare = [get_args(m)[0] if get_origin(m) is Annotated else m for m in alternatives(annotation)]
    inner = [get_args(member)[-1] for member in bare if get_origin(member) not in (None, tuple, Literal)]
    return inner[0] if inner else Any


def takes_objects(annotation: Any) -> bool:
    """Whether a type accepts what a ``_target_`` builds, and not only what YAML knows."""
    members = list(alternatives(annotation))
    described = any(get_origin(m) in MAPPINGS and get_args(m)[-1] is Any for m in members)  # and built later: model.net
    return annotation in (Any, object) or described or any(describe_one(member) == OBJECT for member in members)


def concrete(annotation: Any) -> Any:
    """A type with the kinds of ``CONCRETE`` instead of abstract ones."""
    members = list(alternatives(annotation))
    kinds = [CONCRETE.get(get_origin(member) or member) for member in members]
    if not any(kinds):
        return annotation
    chosen = [member if kind is None else kind for member, kind in zip(members, kinds, strict=True)]
    items = [get_args(member) for member in members]
    made = [k[i] if i and k is Sequence else k for k, i in zip(chosen, items, strict=True)]
    return typing.Union[tuple(made)]  # noqa: UP007


def alternatives(annotation: Any) -> Iterator[Any]:
    """The members of a union, those of unions within it too; else the annotation itself."""
    if get_origin(annotation) in (typing.Union, types.UnionType):
        for member in get_args(annotation):
            yield from alternatives(member)
    else:
        yield annotation


def describe(annotation: Any) -> str:
    """What a type accepts, in words: ``a whole number, 1 or more, or null``."""
    told = [*dict.fromkeys(map(describe_one, alternatives(annotation)))]
    for whole in [words for words in told if words.replace("a whole number", "a number") in told]:
        if whole.startswith("a whole"):
            told.remove(whole)
    for last in ("null", OBJECT):  # an object is the last that a person would write
        if last in told:
            told = [words for words in told if words != last] + ([last] if last == "null" or len(told) < 3 else [])
    comma = ", " if any("," in words for words in told[:-1]) else " "
    return f"{comma}or ".join(told)


def describe_one(annotation: Any) -> str:
    """The same for what is no union."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if annotation in WORDS:
        return WORDS[annotation]
    if origin is Annotated:
        return f"{describe(inner[0])}{bounds(inner[1:])}"
    if origin is Literal:
        return " or ".join(dict.fromkeys(map(spell, inner)))
    kind = origin or annotation
    if inspect.isclass(kind) and issubclass(kind, Mapping):
        if inner and inner[0] is not str:
            return f"a mapping of {describe(inner[0])}"
        return f"a mapping of {plural(inner[1])}" if inner and inner[1] is not Any else "a mapping, as {a: 1}"
    if kind is tuple and inner and inner[-1] is not Ellipsis:
        return f"a list of {len(inner)} {plural(inner[0])}"
    if inspect.isclass(kind) and issubclass(kind, Iterable) and kind.__module__ in ("builtins", "collections.abc"):
        return f"a list of {plural(inner[0])}" if inner and inner[0] is not Any else "a list"
    return OBJECT


def plural(annotation: Any) -> str:
    """Several of what a type accepts, in words."""
    base, *rest = get_args(annotation) if get_origin(annotation) is Annotated else (annotation,)
    words = describe(base)
    return f"{PLURALS.get(words, f'items: {words}')}{bounds(rest)}"


def bounds(limits: Iterable[Any]) -> str:
    """The range that a number must lie in, in words."""
    found: dict[str, Any] = {}
    multiple = ""
    for limit in limits:
        if isinstance(limit, MultipleOf):
            multiple = f", a multiple of {limit.multiple_of}"
        for key, kind in (("gt", Gt), ("ge", Ge), ("le", Le), ("lt", Lt)):
            if isinstance(limit, kind | Interval) and (value := getattr(limit, key)) is not None:
                found[key] = value
        if isinstance(limit, Len):
            return f", {limit.min_length} or more of them"
    if set(found) == {"ge"}:
        return f"{multiple}, {spell(found['ge'])} or more"
    told = [f"{BOUNDS[key]} {spell(found[key])}" for key in ("gt", "ge", "le", "lt") if key in found]
    return f" {' '.join(told)}".replace("above 0 to", "above 0 and").rstrip()


def choices(annotation: Any) -> list[str]:
    """The words among which a value is chosen; none where others are accepted too."""
    members = [member for member in alternatives(annotation) if member is not type(None)]
    if not members or not all(get_origin(member) is Literal or member is bool for member in members):
        return []
    found = [spell(value) for m in members for value in ((True, False) if m is bool else get_args(m))]
    return list(dict.fromkeys(found))


def item_choices(annotation: Any) -> list[str]:
    """The words among which each item of a list is chosen; none where others are accepted too."""
    base = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    return choices(get_args(base)[0]) if get_origin(base) is list else []


def spell(value: Any) -> str:
    """A value as it is written on the command line."""
    if isinstance(value, bool) or value is None:
        return str(value).lower().replace("none", "null")
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {spell(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(spell, value)) + "]"
    return str(value)
