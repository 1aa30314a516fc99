"""``KEY={_target_: ...}`` replaces the object at KEY, where Hydra would keep the arguments of the old one."""

import itertools
import re
from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, ListConfig, OmegaConf

from fcnlab.cli.arguments import CONFIG_DIR, quoted, value_of
from fcnlab.cli.compose import CONF, compose_only

OBJECT = re.compile(r"([\w./]+)=\{.*_target_", re.DOTALL)
STAYS = ("_target_", "_partial_")  # the one is given anew, the other is asked of every object there


def replace_objects(command: str, words: Sequence[str], flags: Sequence[str] = ()) -> list[str]:
    """Overrides in which an object replaces one with another ``_target_``.

    The old one's arguments are taken out (``~KEY.NAME``), and the new one's are let in (``++KEY=...``). An object with
    the same ``_target_`` is merged, as Hydra does.
    """
    objects = {word: match[1] for word in words if (match := OBJECT.match(word))}
    if not objects:
        return list(words)
    within = tuple(f"{key}." for key in objects.values())
    folders = [quoted(f"file://{value}") for flag, value in itertools.pairwise(flags) if flag in CONFIG_DIR]
    searched = [f"hydra.searchpath=[{','.join(folders)}]"] if folders else []
    try:
        others = [without_sweep(word) for word in words if word not in objects and not word.startswith(within)]
        base = compose_only(command, [*filter(None, others), *searched])
        known = {word: targets(word) for word in objects}
    except Exception:  # another override is at fault, which Hydra tells when it composes all of them
        return list(words)
    # What is taken out stands first, so that what a person set before the object stays.
    arranged = [gone for word in objects for gone in without(base, objects[word], known[word])]
    for word in words:
        if word in objects and isinstance(OmegaConf.select(base, objects[word], throw_on_missing=False), ListConfig):
            word = word.replace("={", "=[{", 1) + "]"  # one of a list, as data.augment
        arranged.append(f"++{word}" if word.startswith(within) or word in objects else word)
    return arranged


def without(base: DictConfig, key: str, new: Sequence[Any]) -> list[str]:
    """The overrides that take out the arguments of the object at ``key``, unless it has a ``_target_`` of ``new``."""
    old = OmegaConf.select(base, key, throw_on_missing=False)
    if not isinstance(old, DictConfig) or old.get("_target_") in (None, *new) or None in new:
        return []
    taken_out = list[str]()
    for name in map(str, old):
        if name not in STAYS:
            empty = OmegaConf.select(old, name, throw_on_missing=False) is None  # Hydra takes out values alone
            taken_out += [*([f"{key}.{name}=0"] if empty else []), f"~{key}.{name}"]
    return taken_out


def targets(word: str) -> list[Any]:
    """The ``_target_`` of the object, or of each in a sweep, that an override gives; None where there is none."""
    override = OverridesParser.create().parse_override(word)
    values = [*override.sweep_iterator()] if override.is_sweep_override() else [override.value()]
    return [value.get("_target_") if isinstance(value, dict) else None for value in values]


def without_sweep(word: str) -> str:
    """An override as it may stand in one config: of several choices among files the first; of other sweeps nothing."""
    if not OverridesParser.create().parse_override(word).is_sweep_override():
        return word
    key = word.partition("=")[0]
    return f"{key}={value_of(word)[0]}" if (CONF / key.lstrip("+")).is_dir() else ""
