"""A user's error: the value met, the rule it breaks, the hint; shown without a stack trace."""

import difflib
import importlib
from collections.abc import Iterable
from typing import Any

SHOWN = 60  # known names in a message: all settings of a data set, not all runs of a large sweep


class UserError(ValueError):
    """Something the person at the keyboard can mend. The message says value, rule and hint."""


def import_extra(package: str, extra: str, purpose: str) -> Any:
    """Import a package that only an extra of ``pyproject.toml`` installs.

    Args:
        purpose: what needs it, the beginning of the message.

    Raises:
        UserError: it is missing, or cannot be imported here.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise UserError(
            f"{purpose} needs the package {package}: {error}. It comes with the extra '{extra}': make install, or "
            f"pip install -e '.[{extra}]' in a checkout."
        ) from error


def one_line(text: object) -> str:
    """The message of another library as part of ours: on one line, its first 300 letters, without the full stop."""
    return " ".join(str(text).split())[:300].rstrip(".")


def raised(error: BaseException) -> str:
    """The same with the name of the exception before it."""
    return f"{type(error).__name__}: {one_line(error)}"


def kind(built: object) -> str:
    """What a config has built, in a message: its class with the module, as two libraries may call theirs alike."""
    if hasattr(built, "keywords") and hasattr(built, "func"):
        function = built.func
        return f"{function.__module__}.{function.__qualname__} to be called later (_partial_: true)"
    return f"a {type(built).__module__}.{type(built).__name__}".replace("builtins.", "")


def nearest(word: str, known: Iterable[str]) -> str:
    """The known names, those most like ``word`` first, as the tail of a message."""
    names = sorted(str(name) for name in known)
    close = difflib.get_close_matches(word, names, n=3, cutoff=0.5)
    meant = f"Did you mean {' or '.join(close)}? " if close else ""
    more = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{meant}Known: {', '.join(names[:SHOWN]) if names else 'none'}{more}."
