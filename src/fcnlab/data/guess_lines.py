"""Lines of YAML that all guesses have: texts, lists of them, and shares of the splits that leave none empty."""

from collections.abc import Iterator, Mapping, Sequence

from fcnlab.data.sharing import share_by_hash
from fcnlab.error import UserError

SPLITS = ("train", "val", "test")
USUAL = {"train": 0.7, "val": 0.1, "test": 0.2}
FRACTIONS = (USUAL, {"train": 0.6, "val": 0.2, "test": 0.2}, {"train": 0.4, "val": 0.3, "test": 0.3})


def fractions(names: Sequence[str], shared: Sequence[str], default: Mapping[str, float] = USUAL) -> Iterator[str]:
    """A line about the shares of splits that lie together, where those of ``default`` leave one without an image."""
    for shares in (default, *FRACTIONS):
        if fills(names, shared, shares):
            if shares is not default:
                yield f"fractions: {{{', '.join(f'{split}: {share}' for split, share in shares.items())}}}"
            return
    yield f"# {len(names)} images are too few to share them out by fractions: name those of each split in lists."


def fills(names: Sequence[str], shared: Sequence[str], shares: Mapping[str, float]) -> bool:
    """Whether every split has an image."""
    try:
        return all(share_by_hash(names, split, shared, shares) for split in shared)
    except UserError:
        return False


def listed(texts: Sequence[str]) -> str:
    """One text, or a list of several, as YAML has it."""
    return quoted(texts[0]) if len(texts) == 1 else f"[{', '.join(map(quoted, texts))}]"


def quoted(text: str) -> str:
    """A string as YAML has it between single quotes."""
    return "'" + text.replace("'", "''") + "'"
