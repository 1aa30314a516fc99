"""ADE20K as the scene parsing benchmark has it: 150 classes, 20,210 / 2,000 images."""

from pathlib import Path
from typing import Any

from fcnlab.data.class_list import ClassList, rows_of_file
from fcnlab.data.files import Pair
from fcnlab.data.published import PublishedData

# In the order of the labels 1 ... 150 (CSAILVision/sceneparsing, objectInfo150.txt, the first word of each).
CLASSES = ClassList.of(rows_of_file(Path(__file__).with_name("ade20k.csv")), "ade20k.csv")
EXPECTED = {"training": 20210, "validation": 2000}


class ADE20K(PublishedData):
    """``ADEChallengeData2016``: ``images/training/NAME.jpg`` and ``annotations/training/NAME.png``, where 0 is void.

    The masks of the benchmark's own test set are not public. So ``validation``, which papers report, is tested here,
    and a part of ``training``, by a hash of the name, is what checkpoints and settings are chosen by.
    """

    published = EXPECTED

    def __init__(self, *, root: str, **common: Any) -> None:
        super().__init__(
            root=root,
            layout=f"{root}/images/training/NAME.jpg and {root}/annotations/training/NAME.png (and validation)",
            class_names=CLASSES.names,
            palette=[colour for (colour,) in CLASSES.colours or ()],
            shift=-1,
            **common,
        )

    def pairs(self, split: str) -> list[Pair]:
        """The images of a folder with their masks."""
        folder = "validation" if split == "test" else "training"
        images, masks = self.root / "images" / folder, self.root / "annotations" / folder
        if not images.is_dir():
            raise self.missing(f"There is no folder {images}.")
        names = sorted(path.stem for path in images.glob("*.jpg") if not path.name.startswith("."))
        chosen = self.share(names, split, images)
        return [Pair(name, images / f"{name}.jpg", masks / f"{name}.png") for name in chosen]
