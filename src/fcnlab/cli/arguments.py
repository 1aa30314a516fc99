"""The words after ``python -m fcnlab.<command>``: flags may stand anywhere, settings have no dashes."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException

from fcnlab.cli.conf import CONF
from fcnlab.error import UserError

# Hydra's flags (hydra._internal.utils.get_args_parser), by whether a value follows in the next word.
ALONE = ("-h", "--help", "--hydra-help", "--version", "-r", "--run", "-m", "--multirun", "--resolve")
ALONE_OR_NOT = ("-i", "--info", "-sc", "--shell-completion", "--experimental-rerun")
CONFIG_DIR = ("-cd", "--config-dir")
WITH_VALUE = ("-c", "--cfg", "-p", "--package", "-cp", "--config-path", "-cn", "--config-name", *CONFIG_DIR)
ONE = ("data", "model", "model/backbone", "task", "loss", "optim", "scheduler")  # groups of which one object is built
NAMED = ("callbacks", "logger", "metrics")  # groups of objects by name
INFO = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")


def arrange(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Flags (with their values) and overrides, each in the order in which they were given.

    Hydra's own parser wants all overrides side by side: ``experiment=shapes -m seed=0,1`` is its usage error.

    Raises:
        UserError: a word is neither.
    """
    for word in words:
        if not word.isprintable() and any("\udc80" <= letter <= "\udcff" for letter in word):
            raise UserError(
                f"{word.encode(errors='replace').decode()} holds letters that this terminal's encoding "
                f"({sys.getfilesystemencoding()}) has not. Type: export LC_ALL=C.UTF-8 PYTHONUTF8=1"
            )
    flags, overrides, rest = list[str](), list[str](), list(words)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        if name in WITH_VALUE:
            if not equals and not rest:
                raise UserError(f"{word} needs a value after it, as in {word} mine.")
            flags += [name, value if equals else rest.pop(0)]
        elif word in ALONE:
            flags.append(word)
        elif name in ALONE_OR_NOT:
            alone = ["all"] if word in ("-i", "--info") else []  # what Hydra takes it for where nothing follows
            flags += [word, *([rest.pop(0)] if rest and rest[0] in INFO else alone)]
        elif word.startswith("-"):
            bare = word.lstrip("-")
            if not equals and rest and "=" not in rest[0]:
                bare = f"{bare}={rest[0]}"
            raise UserError(f"{word} is no flag. Settings are written without dashes: {bare}. --help lists the flags.")
        else:
            if value == "null" and (CONF / name).is_dir():
                known = sorted(path.stem for path in (CONF / name).glob("*.yaml"))
                hint = f"Write {name}=none." if "none" in known else f"Known: {', '.join(known)}."
                raise UserError(f"{word}: a group is a choice among files, and null is none. {hint}")
            if value.startswith("[") and name.lstrip("+") in ONE:
                names = re.sub(r"[\[\] ]", "", value)
                raise UserError(f"{word} would be a mixture of them. For a run with each, add -m: {name}={names}")
            refuse_no_choice(name, value)
            overrides.append(word)
    return flags, [at_home(word) for word in overrides]


def refuse_no_choice(name: str, value: str) -> None:
    """Raise UserError where a group is given what is neither a choice nor an object."""
    group = name.lstrip("+")
    if not (CONF / group).is_dir():
        return
    if value.lower() in ("true", "false"):
        raise UserError(f"{name}={value}: a group is a choice among files. Write {group}=none, or a choice of --help.")
    if "/" in group and value.startswith("{"):
        raise UserError(
            f"{name}=... chooses a file. An object is written with a dot: {group.replace('/', '.')}={value}"
        )
    if group in NAMED and value.startswith("[{"):
        raise UserError(f"{name}=[...] is a list of files. Each object has a name: '{group}={{mine: {value[1:-1]}}}'")
    if group in NAMED and re.match(r"\{\s*_target_", value):
        raise UserError(f"{name} holds objects by name. Give it one: '{group}.mine={value}'")


def at_home(word: str) -> str:
    """An override of ``runs_dir`` in which ``~`` is the home folder: not every shell puts it there itself."""
    match = re.fullmatch(r"""(\+{0,2}runs_dir=)(['"]?)(~(?:/.*)?)\2""", word, re.DOTALL)
    return f"{match[1]}{quoted(str(Path(match[3]).expanduser()))}" if match else word


def value_of(word: str) -> list[str]:
    """The value or values of an override as they are meant, without Hydra's quotes."""
    override = OverridesParser.create().parse_override(word)
    values = override.sweep_iterator() if override.is_sweep_override() else iter([override.value()])
    return [value.text if isinstance(value, QuotedString) else str(value) for value in values]


def refuse_one_output(overrides: Sequence[str]) -> None:
    """Raise UserError where jobs of a sweep would write to one folder: the last one's files would stay."""
    swept = [word.partition("=")[0].lstrip("+") for word in overrides if has_several(word)]
    for word in overrides:
        missed = [f"${{{key}}}" for key in swept if f"${{{key}}}" not in word]
        if word.startswith("output=") and missed and "output" not in swept:
            raise UserError(
                f"{word} would be the folder of several jobs of this sweep, and each would replace the files of the "
                f"one before. Give each a folder of its own: '{'/'.join([word, *missed])}'"
            )


def has_several(word: str) -> bool:
    """Whether an override gives several values to a sweep; what cannot be read is told by Hydra later."""
    try:
        return len(value_of(word)) > 1
    except HydraException:
        return False


def by_checkpoint(overrides: Sequence[str]) -> list[list[str]]:
    """The overrides once for each of several checkpoints, each of which brings choices of its own."""
    swept = [word for word in overrides if word.startswith("checkpoint=") and has_several(word)]
    if not swept:
        return [list(overrides)]
    word = swept[-1]
    return [[f"checkpoint={quoted(v)}" if o == word else o for o in overrides] for v in value_of(word)]


def quoted(value: str) -> str:
    """A text as Hydra reads it whatever it holds."""
    return str(QuotedString(value, Quote.single).with_quotes())


def is_multirun(flags: Sequence[str]) -> bool:
    """Whether the flags ask for a sweep."""
    return "-m" in flags or "--multirun" in flags


def but_for_showing(flags: Sequence[str]) -> list[str] | None:
    """Flags without those by which Hydra shows the config and runs nothing; None where none of them asks for that."""
    if not {"-c", "--cfg"} & {*flags} or is_multirun(flags):
        return None
    rest, kept = list(flags), list[str]()
    while rest:
        flag = rest.pop(0)
        if flag in ("-c", "--cfg", "-p", "--package"):
            rest.pop(0)
        elif flag != "--resolve":
            kept.append(flag)
    return kept
