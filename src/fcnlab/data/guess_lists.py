"""The lists of splits that lie beside images, for a guess: train.txt, val.txt and test.txt, or some of them."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from fcnlab.data.guess_splits import SPLIT_NAMES, WORD, split_of
from fcnlab.data.layout import folders
from fcnlab.data.lists import SUFFIXES, find_list, read_list
from fcnlab.error import UserError


class Lists(NamedTuple):
    """A folder of lists, how it spells the splits, and the names in the first of them, of train."""

    folder: str
    spelled: dict[str, str]
    names: list[str]


def unused_lists(root: Path) -> list[str]:
    """The files whose names speak of splits, as paths seen from ``root``, whether of use or not."""
    return [
        path.relative_to(root).as_posix()
        for folder, _ in folders(root)
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in (*SUFFIXES, ".json") and not path.name.startswith(".")
        if any(split_of(word) or word.lower().startswith("split") for word in WORD.findall(path.stem))
    ]


def guess_lists(root: Path, names: Collection[str]) -> Lists | None:
    """The first folder with lists of train and of another split, which name some of ``names`` and nothing else.

    Or the first list of all splits, with a column that tells them.
    """
    for folder, _ in folders(root):
        where = folder.relative_to(root).as_posix()
        files = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES]
        called = {split: lists_of(split, [path.stem for path in files]) for split in SPLIT_NAMES}
        spelled = {split: words[0] for split, words in called.items() if words}
        told = {split: listed_names(root, where, word, names) for split, word in spelled.items()}
        if "train" in spelled and len(spelled) > 1 and all(told.values()):
            return Lists(where, spelled, told["train"])
        for path in files:
            one = path.relative_to(root).as_posix()
            told = {split: some for split in SPLIT_NAMES if (some := listed_names(root, one, split, names))}
            if "train" in told and len(told) > 1 and len({*map(tuple, told.values())}) > 1:
                return Lists(one, {split: split for split in told}, told["train"])
    return None


def lists_of(split: str, words: Sequence[str]) -> list[str]:
    """The names of lists that mean a split: the word alone; or the one name with the word in it, as train_aug."""
    alone = [word for word in words if split_of(word) == split]
    within = [word for word in words if any(split_of(one) == split for one in WORD.findall(word))]
    return alone or (within if len(within) == 1 else [])


def listed_names(root: Path, where: str, word: str, known: Collection[str]) -> list[str]:
    """The names in a list; none where one of them is not known."""
    try:
        names = [
            one.name if one.name in known else one.name.split()[0]
            for one in read_list(find_list(root, where, word), word)
        ]
    except (UserError, IndexError):
        return []
    return names if {*names} <= {*known} else []
