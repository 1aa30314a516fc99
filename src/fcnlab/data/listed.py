"""The files of a data set: which pairs of image and mask each split has, whether they are there, and their stamp."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from annotated_types import Ge

from fcnlab.data.datamodule import SPLITS, SegmentationData
from fcnlab.data.spelling import on_disk
from fcnlab.data.stamp import file_stamp, own_settings
from fcnlab.error import UserError


class Pair(NamedTuple):
    """An image and its mask."""

    name: str
    image: Path
    mask: Path


class ListedData(SegmentationData):
    """A data set whose images and masks are files: subclasses say ``pairs``.

    Args:
        root: the folder that holds it.
        layout: how the folder must look, for error messages.
        folds, fold: share train and val out anew, by hash of the names: of ``folds`` equal parts, part ``fold``
            (counted from 0) is val and the others are train. None keeps the splits. Test stays what it is.
    """

    def __init__(
        self,
        *,
        root: str,
        layout: str,
        folds: Annotated[int, Ge(2)] | None = None,
        fold: Annotated[int, Ge(0)] = 0,
        **common: Any,
    ) -> None:
        if fold >= (folds or 1):
            parts = f"0 to {folds - 1}" if folds else "only with data.folds=5 or another number of parts"
            raise UserError(f"data.fold={fold} is no part of data.folds={folds}. Known: {parts}.")
        super().__init__(**common)
        self.folds, self.fold = folds, fold
        self.root, self.layout = on_disk(Path(root).expanduser()), layout
        self.listings: dict[str, list[Pair]] = {}
        self.complete: set[str] = set()

    def pairs(self, split: str) -> list[Pair]:
        """The images of a split with their masks, in a fixed order."""
        raise NotImplementedError

    def folded_pairs(self, split: str) -> list[Pair]:
        """``pairs``, with train and val shared out by ``folds``."""
        if self.folds is None or split == "test":
            return self.pairs(split)
        pool = dict[str, Pair]()
        for pair in (pair for part in ("train", "val") for pair in self.pairs(part)):
            if pool.setdefault(pair.name, pair) != pair:
                raise UserError(
                    f"data.folds shares out train and val together, but both have an image called {pair.name}: "
                    f"{pool[pair.name].image} and {pair.image}. Give each image a name of its own."
                )
        order = sorted(pool, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
        held = set(order[self.fold :: self.folds])
        return [pair for name, pair in pool.items() if (name in held) == (split == "val")]

    def listed_pairs(self, split: str) -> list[Pair]:
        """``pairs``, looked up once, with no name twice; whether the files are there is not asked."""
        if split not in self.listings:
            if not self.root.is_dir():
                raise self.missing(f"There is no folder data.root={self.root}.")
            pairs = self.folded_pairs(split)
            if not pairs:
                raise self.missing(f"Split {split!r} under data.root={self.root} is empty.")
            if twice := sorted(name for name, times in Counter(pair.name for pair in pairs).items() if times > 1):
                raise UserError(f"Split {split!r} names {', '.join(twice[:5])} more than once. Name each image once.")
            self.listings[split] = pairs
        return self.listings[split]

    def checked_pairs(self, split: str) -> list[Pair]:
        """``listed_pairs`` with every file there, which is looked up once."""
        pairs = self.listed_pairs(split)
        if split not in self.complete:
            self.check_files(split, "image", [pair.image for pair in pairs])
            self.check_files(split, "mask", [self.file_of(pair.mask) for pair in pairs])
            self.complete.add(split)
        return pairs

    def check_files(self, split: str, kind: str, paths: list[Path]) -> None:
        """Raise UserError where a file is missing: a split is whole or it is not used."""
        if absent := [path for path in paths if not path.is_file()]:
            number = f", one of {len(absent)} missing of {len(paths)}" if len(absent) > 1 else ""
            raise self.missing(f"The {kind} {absent[0]} of split {split!r} is missing{number}.{self.hint(kind)}")

    def hint(self, kind: str) -> str:
        """What else to type where files of a kind, ``image`` or ``mask``, are missing."""
        return ""

    def file_of(self, mask: Path) -> Path:
        """The file on the disk that holds a mask: itself, unless one file holds many."""
        return mask

    def missing(self, problem: str) -> UserError:
        """An error about files that are not where they should be."""
        return UserError(f"{problem} Expected {self.layout}. Set data.root=..., or train without files: data=shapes.")

    def names(self, split: str) -> Sequence[str]:
        """File names without folder and suffix."""
        return [pair.name for pair in self.checked_pairs(split)]

    def stamp(self) -> str:
        """A hash of all names, sizes and times of change; a split that is not there is none."""
        digest = hashlib.sha256(repr(self.class_names).encode())
        for split in SPLITS:
            try:
                pairs = self.listed_pairs(split)
            except UserError:
                digest.update(repr((split, "missing")).encode())
                continue
            for pair in pairs:
                seen = [s for path in (pair.image, self.file_of(pair.mask)) if (s := file_stamp(path))]
                digest.update(repr((split, pair.name, seen)).encode())
        for name, head in self.heads.items():
            digest.update(repr((name, head.stamp())).encode())
        return digest.hexdigest()[:16]

    def split_stamp(self, split: str) -> str:
        """A hash of the split's files, with sizes and times of change, and of how they are read."""
        digest = hashlib.sha256(own_settings(self).encode())
        for name, image, mask in self.listed_pairs(split):
            seen = (name, str(image), file_stamp(image), str(mask), file_stamp(self.file_of(mask)))
            digest.update(repr(seen).encode())
        return digest.hexdigest()
