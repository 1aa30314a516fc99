"""A user's error: the value met, the rule it breaks, the hint; shown without a stack trace."""

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """Something the person at the keyboard can mend. The message says value, rule and hint."""


def nearest(word: str, known: Iterable[str]) -> str:
    """The known names, those most like ``word`` first, as the tail of a message."""
    names = sorted(str(name) for name in known)
    close = difflib.get_close_matches(word, names, n=3, cutoff=0.5)
    meant = f"Did you mean {' or '.join(close)}? " if close else ""
    return f"{meant}Known: {', '.join(names) if names else 'none'}."
