"""PASCAL-Context: VOC 2010's 4,998 / 5,105 images, labelled whole in 59 classes and background, or in 33 classes."""

from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from fcnlab.data.files import Pair, read_text
from fcnlab.data.masks import Stored
from fcnlab.data.published import PublishedData, names_in, read_matrix
from fcnlab.error import UserError

# In the order of shelhamer/fcn.berkeleyvision.org, data/pascal-context/classes-59.txt.
CLASSES = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
    *("bag", "bed", "bench", "book", "building", "cabinet", "ceiling", "clothes", "computer", "cup", "door", "fence"),
    *("floor", "flower", "food", "grass", "ground", "keyboard", "light", "mountain", "mouse", "curtain", "platform"),
    *("sign", "plate", "road", "rock", "shelves", "sidewalk", "sky", "snow", "bedcloth", "track", "tree", "truck"),
    *("wall", "water", "window", "wood"),
)
# What three of them are called among the 400 labels of trainval/*.mat.
CALLED = {"diningtable": "table", "bedcloth": "bedclothes", "clothes": "cloth"}
EXPECTED = {"train": 4998, "val": 5105}
PNG = {59: "SegmentationClassContext", 33: "33_context_labels"}


class Context(PublishedData):
    """Images of VOC 2010 and masks with 400 labels as published (.mat), or with 60 labels (.png).

    The published ``val`` is tested here, as in the papers; a part of ``train`` is what checkpoints are chosen by.
    With 59 classes there is no void; with 33 whatever is none of them is.

    Args:
        task: 59 classes and background, or the 33 classes that ``root/33_labels.txt`` names (``1: aeroplane`` ..., from
            the data set's own site).
        masks: ``mat``: ``root/trainval/NAME.mat`` with ``root/labels.txt`` (``1: accordion`` ...), which are mapped to
            the classes. ``png``: ``root/SegmentationClassContext/NAME.png`` of 0 to 59, or
            ``root/33_context_labels/NAME.png`` of 0 (none of them) to 33, as published.
        images: the folder of the JPEG files, relative to ``root``.
        lists: the folder of train.txt and val.txt, relative to ``root``.
    """

    published = EXPECTED

    def __init__(
        self,
        *,
        root: str,
        masks: Literal["mat", "png"],
        images: str,
        lists: str,
        task: Literal[59, 33] = 59,
        **common: Any,
    ) -> None:
        self.folder = "trainval" if masks == "mat" else PNG[task]
        where = f"{self.folder}/NAME.{masks}{' and labels.txt' if masks == 'mat' else ''}"
        layout = f"{root}/{images}/NAME.jpg, {root}/{lists}/train.txt, val.txt and {root}/{where}"
        names = CLASSES if task == 59 else listed_classes(Path(root).expanduser() / "33_labels.txt")
        super().__init__(root=root, layout=layout, class_names=names, shift=0 if task == 59 else -1, **common)
        self.kind, self.images, self.lists = masks, images, lists

    def pairs(self, split: str) -> list[Pair]:
        """Follow the lists of those images that are annotated."""
        listing = self.root / self.lists / ("val.txt" if split == "test" else "train.txt")
        chosen = self.share(names_in(self, listing), split, listing)
        return [
            Pair(name, self.root / self.images / f"{name}.jpg", self.root / self.folder / f"{name}.{self.kind}")
            for name in chosen
        ]

    @cached_property
    def table(self) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """Class by label of the .mat files, (65536,); with 33 classes counted from 1."""
        path = self.root / "labels.txt"
        if not path.is_file():
            raise self.missing(f"The list {path} is missing.")
        label_of = numbered(path)
        table = np.zeros(65536, np.uint8)
        for index, name in enumerate([name for name in self.class_names if name != CLASSES[0]], 1):
            called = CALLED.get(name, name)
            if called not in label_of:
                raise UserError(f"{path} does not tell the label of {called}. It must hold lines as '23: {called}'.")
            table[label_of[called]] = index
        return table

    def decode_mask(self, path: Path) -> Stored:
        """The labels of the classes; 0 is none of them."""
        return super().decode_mask(path) if self.kind == "png" else self.table[read_matrix(path, "LabelMap")]


def numbered(path: Path) -> dict[str, int]:
    """The numbers of the names in a list of lines as ``23: table``, spaces in names left out."""
    found = dict[str, int]()
    for line in read_text(path).splitlines():
        number, _, name = line.partition(":")
        if name.strip() and number.strip().isdigit():
            found[name.replace(" ", "").strip()] = int(number)
    return found


def listed_classes(path: Path) -> tuple[str, ...]:
    """The 33 classes of the data set's own list, in its order. Raises UserError where it is missing or another."""
    if not path.is_file():
        raise UserError(
            f"data.task=33 needs the list {path}. Get 33_labels.txt from cs.stanford.edu/~roozbeh/pascal-context, or "
            "take data.task=59."
        )
    known = numbered(path)
    if sorted(known.values()) != list(range(1, 34)):
        raise UserError(f"{path} numbers {len(known)} classes. It must hold 33 lines, '1: aeroplane' to '33: ...'.")
    return tuple(sorted(known, key=known.__getitem__))
