"""Cityscapes: street scenes in 19 classes, 2,975 / 500 images of 2048x1024, in the layout of its archives."""

from pathlib import Path
from typing import Any, Literal

from fcnlab.data.files import FileData, Pair
from fcnlab.data.published import count_up
from fcnlab.error import UserError, nearest

# Name: label in gtFine's labelIds, colour; in the order of trainIds (mcordts/cityscapesScripts, helpers/labels.py).
CLASSES = {
    "road": (7, (128, 64, 128)),
    "sidewalk": (8, (244, 35, 232)),
    "building": (11, (70, 70, 70)),
    "wall": (12, (102, 102, 156)),
    "fence": (13, (190, 153, 153)),
    "pole": (17, (153, 153, 153)),
    "traffic light": (19, (250, 170, 30)),
    "traffic sign": (20, (220, 220, 0)),
    "vegetation": (21, (107, 142, 35)),
    "terrain": (22, (152, 251, 152)),
    "sky": (23, (70, 130, 180)),
    "person": (24, (220, 20, 60)),
    "rider": (25, (255, 0, 0)),
    "car": (26, (0, 0, 142)),
    "truck": (27, (0, 0, 70)),
    "bus": (28, (0, 60, 100)),
    "train": (31, (0, 80, 100)),
    "motorcycle": (32, (0, 0, 230)),
    "bicycle": (33, (119, 11, 32)),
}
EXPECTED = {"train": 2975, "val": 500}  # images of the archives
OTHERS = (*range(7), 9, 10, 14, 15, 16, 18, 29, 30)  # labelIds that the benchmark leaves out


class Cityscapes(FileData):
    """``root/leftImg8bit/SPLIT/CITY/*_leftImg8bit.png`` and ``root/gtFine/SPLIT/CITY/*_gtFine_*.png``.

    The masks of the archives' own test set are not public. So ``val``, which papers report, is tested here, and a part
    of ``train``, by a hash of the city's name, is what checkpoints and settings are chosen by.

    Args:
        masks: ``labelIds`` as in the archives, or ``trainIds`` as cityscapesScripts makes them.
        val_cities: the cities of ``train`` that are held out for validation.
        complete: whether the published number of images must be there.
    """

    def __init__(
        self, *, root: str, masks: Literal["labelIds", "trainIds"], val_cities: list[str], complete: bool, **common: Any
    ) -> None:
        labels: dict[str, Any] = {}
        if masks == "labelIds":
            labels = {"labels": [label for label, _ in CLASSES.values()], "void_label": list(OTHERS)}
        super().__init__(
            root=root,
            layout=f"{root}/leftImg8bit/train/CITY/*_leftImg8bit.png and {root}/gtFine/train/CITY/*_gtFine_{masks}.png",
            class_names=tuple(CLASSES),
            palette=[colour for _, colour in CLASSES.values()],
            **labels,
            **common,
        )
        self.kind, self.val_cities, self.expected = masks, [*val_cities], EXPECTED if complete else {}

    def pairs(self, split: str) -> list[Pair]:
        """The images of a split's cities."""
        folder = "val" if split == "test" else "train"
        images = self.root / "leftImg8bit" / folder
        if not images.is_dir():
            raise self.missing(f"There is no folder {images}.")
        found = sorted(images.glob("*/*_leftImg8bit.png"))
        count_up(self, found, self.expected.get(folder), images)
        if folder == "train":
            cities = sorted({path.parent.name for path in found})
            for city in self.val_cities:
                if city not in cities:
                    raise UserError(f"data.val_cities names {city}. {nearest(city, cities)}")
            found = [path for path in found if (path.parent.name in self.val_cities) == (split == "val")]
        return [self.pair(path) for path in found]

    def pair(self, image: Path) -> Pair:
        """An image with its mask."""
        name = image.name.removesuffix("_leftImg8bit.png")
        mask = self.root / "gtFine" / image.parent.parent.name / image.parent.name / f"{name}_gtFine_{self.kind}.png"
        return Pair(name, image, mask)
