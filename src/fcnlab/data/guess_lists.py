"""The lists of splits that lie beside images, for a guess: train.txt, val.txt and test.txt, or some of them."""

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from fcnlab.data.guess_splits import split_of
from fcnlab.data.layout import folders
from fcnlab.data.lists import SUFFIXES, find_list, read_list
from fcnlab.error import UserError


class Lists(NamedTuple):
    """A folder of lists, how it spells the splits, and the names in the first of them, of train."""

    folder: str
    spelled: dict[str, str]
    names: list[str]


def unused_lists(root: Path, names: Collection[str]) -> list[str]:
    """The lists that name some of ``names`` and nothing else, as paths seen from ``root``, whether of use or not."""
    return [
        path.relative_to(root).as_posix()
        for folder, _ in folders(root)
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in SUFFIXES and split_of(path.stem)
        if listed_names(root, folder.relative_to(root).as_posix(), path.stem, names)
    ]


def guess_lists(root: Path, names: Collection[str]) -> Lists | None:
    """The first folder with lists of train and of another split, which name some of ``names`` and nothing else."""
    for folder, _ in folders(root):
        words = [path.stem for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES]
        spelled = {split: word for word in words[::-1] if (split := split_of(word))}
        if "train" not in spelled or len(spelled) < 2:
            continue
        where = folder.relative_to(root).as_posix()
        listed = {split: listed_names(root, where, word, names) for split, word in spelled.items()}
        if all(listed.values()):
            return Lists(where, spelled, listed["train"])
    return None


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
