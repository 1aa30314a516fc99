"""Overrides held against the config: settings that there are, and the kind of value that each takes."""

from collections.abc import Iterator
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fcnlab.cli.compose import CONF, compose

KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "true or false"),
    ((int, float), "a number"),
    (list, "a list, as [1,2]"),
    (dict, "a mapping, as {a: 1}"),
)


def known_keys(name: str, overrides: list[str], key: str) -> list[str]:
    """All settings of a command, with the given choices of groups; those beside ``key`` where there are such."""
    keys = list(defaults(name, overrides))
    level = [k for k in keys if k.rpartition(".")[0] == key.rpartition(".")[0]]
    return level or [k for k in keys if "." not in k]


def mistyped(name: str, overrides: list[str]) -> str:
    """The first given value of another kind than the default's, as a message; empty where there is none."""
    known = defaults(name, overrides)
    for word in overrides:
        key, value = word.partition("=")[0].lstrip("+"), parsed(word)
        for kind, called in KINDS:
            if value is not None and isinstance(known.get(key), kind) and not (CONF / key).is_dir():
                if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
                    return f"{word} is not {called}, which {key} takes; its default is {known[key]}."
                break
    return ""


def parsed(word: str) -> Any:
    """The value in ``key=value``; None for null, for several values of a sweep, and for what Hydra cannot read."""
    try:
        override = OverridesParser.create().parse_override(word)
        return None if override.is_sweep_override() else override.value()
    except Exception:  # the caller's own error tells it better
        return None


def defaults(name: str, overrides: list[str]) -> dict[str, Any]:
    """Every setting of a command by dotted key, inner nodes included, with the given choices of groups."""
    groups = [word for word in overrides if "=" in word and (CONF / word.split("=")[0]).is_dir()]
    GlobalHydra.instance().clear()
    try:
        config = compose(name, groups)
    except Exception:  # the choices themselves may be at fault
        config = compose(name)
    try:
        return dict(flatten(OmegaConf.to_container(config, resolve=True), ""))
    except OmegaConfBaseException:  # what is referred to is not there
        return dict(flatten(OmegaConf.to_container(config, resolve=False), ""))


def flatten(node: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """Dotted keys of a nested mapping with their values, inner nodes included."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield f"{prefix}{key}", value
            yield from flatten(value, f"{prefix}{key}.")
