"""The words after ``python -m fcnlab.<command>``: flags may stand anywhere, settings have no dashes."""

from collections.abc import Sequence

from fcnlab.error import UserError

# Hydra's flags (hydra._internal.utils.get_args_parser), by whether a value follows in the next word.
ALONE = ("-h", "--help", "--hydra-help", "--version", "-r", "--run", "-m", "--multirun", "--resolve")
ALONE_OR_NOT = ("-i", "--info", "-sc", "--shell-completion", "--experimental-rerun")
WITH_VALUE = ("-c", "--cfg", "-p", "--package", "-cp", "--config-path", "-cn", "--config-name", "-cd", "--config-dir")
INFO = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")


def arrange(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Flags (with their values) and overrides, each in the order in which they were given.

    Hydra's own parser wants all overrides side by side: ``experiment=shapes -m seed=0,1`` is its usage error.

    Raises:
        UserError: a word is neither.
    """
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
            flags += [word, *([rest.pop(0)] if rest and rest[0] in INFO else [])]
        elif word.startswith("-"):
            bare = word.lstrip("-")
            if not equals and rest and "=" not in rest[0]:
                bare = f"{bare}={rest[0]}"
            raise UserError(f"{word} is no flag. Settings are written without dashes: {bare}. --help lists the flags.")
        else:
            overrides.append(word)
    return flags, overrides


def is_multirun(flags: Sequence[str]) -> bool:
    """Whether the flags ask for a sweep."""
    return "-m" in flags or "--multirun" in flags
