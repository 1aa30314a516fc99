"""SIFT Flow: outdoor scenes of 256x256, 2,488 (2,486 annotated) / 200 images, 33 semantic or 3 geometric classes."""

from pathlib import Path
from typing import Any

from fcnlab.data.files import FileData, Pair
from fcnlab.data.published import check_fraction, choose, count_up, names_in, read_matrix, share_of_train
from fcnlab.data.transforms import Mask

# In the order of the labels 1 ... 33 and 1 ... 3; 0 and -1 are void (shelhamer/fcn.berkeleyvision.org, data/sift-flow).
SEMANTIC = (
    *("awning", "balcony", "bird", "boat", "bridge", "building", "bus", "car", "cow", "crosswalk", "desert", "door"),
    *("fence", "field", "grass", "moon", "mountain", "person", "plant", "pole", "river", "road", "rock", "sand", "sea"),
    *("sidewalk", "sign", "sky", "staircase", "streetlight", "sun", "tree", "window"),
)
GEOMETRIC = ("sky", "horizontal", "vertical")
ABSENT = ("cow", "desert", "moon")  # from the test set: the papers leave them out of the means
CLASSES = {"semantic": SEMANTIC, "geometric": GEOMETRIC}
FOLDERS = {"semantic": "SemanticLabels", "geometric": "GeoLabels"}
INSIDE = "spatial_envelope_256x256_static_8outdoorcategories"
EXPECTED = {"trainval": 2486, "test": 200}


class SIFTFlow(FileData):
    """``root/Images/INSIDE/NAME.jpg`` and ``root/SemanticLabels/INSIDE/NAME.mat`` (GeoLabels) of SiftFlowDataset.zip.

    ``root/trainval.txt`` and ``root/test.txt`` name the images: the FCN authors' lists, without the two images that
    have no annotation. Absent from the test set are cow, desert and moon.

    Args:
        labels: ``semantic`` (33 classes) or ``geometric`` (3).
        val_fraction: share of trainval.txt for choosing checkpoints and settings, by a hash of the name.
        hold_out: keep that share out of training. The papers learn from the whole list; then ``val`` measures memory,
            and ``score=last`` is the honest choice.
        complete: whether the published number of images must be listed.
    """

    def __init__(
        self, *, root: str, labels: str, val_fraction: float, complete: bool, hold_out: bool = True, **common: Any
    ) -> None:
        choose("labels", labels, tuple(CLASSES))
        check_fraction("val_fraction", val_fraction)
        self.hold_out = hold_out
        layout = f"{root}/trainval.txt, test.txt, Images/{INSIDE}/NAME.jpg and {FOLDERS[labels]}/{INSIDE}/NAME.mat"
        super().__init__(root=root, layout=layout, class_names=CLASSES[labels], shift=-1, **common)
        self.kind, self.val_fraction, self.expected = labels, val_fraction, EXPECTED if complete else {}

    def pairs(self, split: str) -> list[Pair]:
        """Follow the lists."""
        listing = "test" if split == "test" else "trainval"
        names = names_in(self, self.root / f"{listing}.txt")
        count_up(self, names, self.expected.get(listing), self.root / f"{listing}.txt")
        chosen = names if split == "test" else share_of_train(names, split, self.val_fraction, self.hold_out)
        images, masks = self.root / "Images" / INSIDE, self.root / FOLDERS[self.kind] / INSIDE
        return [Pair(name, images / f"{name}.jpg", masks / f"{name}.mat") for name in chosen]

    def decode_mask(self, path: Path) -> Mask:
        """A .mat file's S: 0 (-1 among geometric labels) is void."""
        return read_matrix(path, "S")

    def image_shape(self, split: str, index: int) -> tuple[int, int]:
        """Height and width of the image: a .mat file has no header to look at."""
        width, height = self.reader.size(self.checked_pairs(split)[index].image)
        return height, width
