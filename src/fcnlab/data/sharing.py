"""Which split an image falls into where several lie together: by a hash of its name."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from fcnlab.error import UserError


@lru_cache(maxsize=2**17)
def drawn(name: str) -> float:
    """A number of 0 to 1 that a name always has; every split asks for that of every name."""
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 16**8


def split_by_hash(name: str, fractions: Mapping[str, float]) -> str:
    """The split of an image, by hash of its name: it stays where it is when others come or go."""
    share = drawn(name)
    for split, fraction in fractions.items():
        share -= fraction
        if share < 0:
            return split
    return next(iter(fractions))


def share_by_hash(names: Iterable[str], split: str, among: Sequence[str], fractions: Mapping[str, float]) -> list[str]:
    """The names that fall into ``split`` where those of several splits lie together: all, if it is alone.

    Args:
        among: the splits that lie together.
        fractions: shares of all splits, of which those of ``among`` count.

    Raises:
        UserError: none falls into it.
    """
    if [*among] == [split]:
        return list(names)
    whole = sum(share for one, share in fractions.items() if one in among)
    if not whole > 0:
        raise UserError(f"data.fractions={dict(fractions)} has no share for {', '.join(among)}. Give each a share.")
    shares = {one: share / whole for one, share in fractions.items() if one in among}
    names = list(names)
    chosen = [name for name in names if split_by_hash(name, shares) == split]
    if names and not chosen:
        raise UserError(
            f"None of {len(names)} images falls into split {split!r} by data.fractions={dict(fractions)}. Change them, "
            "or name the images of each split in lists."
        )
    return chosen
