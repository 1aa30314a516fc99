"""Variants: finished runs that differ in nothing but the seed and the fold, named by what tells them apart."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from fcnlab.cli.annotation import spell
from fcnlab.comparison.finished import Counts, FinishedRun
from fcnlab.run.name import essence

SAMPLES = ("seed", "data.seed", "data.fold")  # what runs of one variant differ in: each is a sample of it


@dataclass(frozen=True)
class Variant:
    """Runs that differ in nothing but the seed and the fold, in the order of these.

    Attributes:
        settings: what can change the result, by dotted key, without seeds.
    """

    name: str
    runs: tuple[FinishedRun, ...]
    settings: dict[str, Any]

    @property
    def skips(self) -> int:
        """How many finer layers the net fuses: the more, the finer."""
        return len(self.runs[0].model.get("skips") or ())

    @property
    def counts(self) -> Counts:
        """Pixels (3, images, classes), summed over the seeds."""
        return np.asarray(np.sum([run.counts for run in self.runs], axis=0))


def group(runs: Sequence[FinishedRun]) -> list[Variant]:
    """Runs by variant, coarse to fine: those whose configs differ in the seed alone belong together."""
    groups: dict[str, list[FinishedRun]] = {}
    for run in runs:
        groups.setdefault(json.dumps(settings(run.folder, run.config), sort_keys=True), []).append(run)
    own = {key: settings(members[0].folder, members[0].config) for key, members in groups.items()}
    overrides = {
        key: [w.lstrip("+") for w in members[0].config.get("overrides", ())] for key, members in groups.items()
    }
    variants = []
    for key, members in groups.items():
        name = members[0].model["name"]
        family = [other for other, runs in groups.items() if runs[0].model["name"] == name]
        told = label(name, own[key], [own[other] for other in family], [overrides[other] for other in family])
        ordered = sorted(members, key=lambda run: (run.config["seed"], run.config["data"].get("fold", 0)))
        variants.append(Variant(name=told, runs=tuple(ordered), settings=own[key]))
    return sorted(variants, key=lambda variant: (variant.skips, variant.name))


def label(
    name: str, own: Mapping[str, Any], family: Sequence[Mapping[str, Any]], overrides: Sequence[Sequence[str]]
) -> str:
    """The name of a net, with what tells its settings from the others of its family.

    That is the settings that were overridden, where they tell all apart; else the overrides themselves, as
    ``callbacks=ema``, of which many settings follow; else all settings.

    Args:
        overrides: the overrides of each of the family.
    """
    keys = differing(family)
    told = [key for key in keys if not any(follows(key, other, family) for other in keys)]
    overridden = {word.partition("=")[0] for words in overrides for word in words}
    several = {part for part in overridden if any(key.startswith(f"{part}.") for key in keys)}  # callbacks=ema
    chosen = [key for key in told if key in overridden - several]
    if len({tuple(spell(one.get(key)) for key in chosen) for one in family}) == len(family):
        told = chosen
    else:
        shared = set.intersection(*map(set, overrides))
        words = [tuple(w for w in some if w not in shared and decides(w, keys)) for some in overrides]
        if len({*words}) == len(family):
            return " ".join([name, *words[family.index(own)]])
    stages = {one.get("start"): stage(one) for one in family}
    short = len(set(stages.values())) == len(stages)
    values = {**own, "start": stages[own.get("start")]} if short else own
    return " ".join([name, *(f"{key}={spell(values.get(key))}" for key in told)])


def decides(word: str, keys: Sequence[str]) -> bool:
    """Whether an override sets one of these settings, or what is below or above it: ``callbacks=ema`` sets many.

    One that takes a setting out (``~``) is left out: mostly it makes room for another object.
    """
    own = f"{word.partition('=')[0].replace('/', '.')}."
    return not word.startswith("~") and any(f"{key}.".startswith(own) or own.startswith(f"{key}.") for key in keys)


def follows(key: str, other: str, family: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a setting has the value of another one everywhere, as ``trainer.max_epochs`` that of ``epochs``."""
    return key != other and other in key and all(one.get(key) == one.get(other) for one in family)


def stage(own: Mapping[str, Any]) -> str | None:
    """The net that a stage starts from, as ``start=`` names it."""
    inner = rf"{re.escape(own['experiment'])}-(.+)-{re.escape(own['data.name'])}-\w+"
    found = re.fullmatch(inner, own.get("start") or "")
    return found[1] if found else own.get("start")


def coarser(variant: Variant, variants: Sequence[Variant]) -> Variant | None:
    """What a variant is held against: the finest coarser one, of several the likest; if none, the first as coarse."""
    below = [other for other in variants if other.skips < variant.skips]
    finest = [other for other in below if other.skips == below[-1].skips]
    if not finest:
        first = variants[0]
        return None if first is variant else first
    return min(finest, key=lambda other: len(differing([variant.settings, other.settings])))


def settings(folder: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """What can change the result of the run in ``folder``, by dotted key, without seeds."""
    found = {key: value for key, value in leaves(essence(config)) if key not in SAMPLES}
    if found.get("start"):
        found["start"] = seedless(folder.with_name(found["start"]))
    return found


def seedless(folder: Path) -> str:
    """A run's name with its seed taken out, and its hash made anew without seeds."""
    stem = re.sub(r"-s\d+-[0-9a-f]+$", "", folder.name)
    file = folder / "config.yaml"
    if not file.is_file():
        return stem
    own = json.dumps(settings(folder, yaml.safe_load(file.read_text(encoding="utf-8"))), sort_keys=True)
    return f"{stem}-{hashlib.sha256(own.encode()).hexdigest()[:8]}"


def leaves(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys of a nested mapping with their values."""
    for key, value in node.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def differing(several: Sequence[Mapping[str, Any]]) -> list[str]:
    """The keys that not all have with the same value, in order of appearance."""
    keys = dict.fromkeys(key for one in several for key in one)
    return [key for key in keys if any(one.get(key) != several[0].get(key) for one in several)]
