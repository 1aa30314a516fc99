"""SIFT Flow: outdoor scenes of 256x256, 2,488 (2,486 annotated) / 200 images, 33 semantic or 3 geometric classes."""

from pathlib import Path
from typing import Any, Literal

from fcnlab.data.files import Pair
from fcnlab.data.published import PublishedData, names_in, read_matrix
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


class SIFTFlow(PublishedData):
    """``root/Images/INSIDE/NAME.jpg`` and ``root/SemanticLabels/INSIDE/NAME.mat`` (GeoLabels) of SiftFlowDataset.zip.

    ``root/trainval.txt`` and ``root/test.txt`` name the images: the FCN authors' lists, without the two images that
    have no annotation. Absent from the test set are cow, desert and moon.

    Args:
        labels: ``semantic`` (33 classes) or ``geometric`` (3).
    """

    published = EXPECTED

    def __init__(self, *, root: str, labels: Literal["semantic", "geometric"], **common: Any) -> None:
        layout = f"{root}/trainval.txt, test.txt, Images/{INSIDE}/NAME.jpg and {FOLDERS[labels]}/{INSIDE}/NAME.mat"
        super().__init__(root=root, layout=layout, class_names=CLASSES[labels], shift=-1, **common)
        self.kind = labels

    def pairs(self, split: str) -> list[Pair]:
        """Follow the lists."""
        where = self.root / ("test.txt" if split == "test" else "trainval.txt")
        chosen = self.share(names_in(self, where), split, where)
        images, masks = self.root / "Images" / INSIDE, self.root / FOLDERS[self.kind] / INSIDE
        return [Pair(name, images / f"{name}.jpg", masks / f"{name}.mat") for name in chosen]

    def decode_mask(self, path: Path) -> Mask:
        """A .mat file's S: 0 (-1 among geometric labels) is void."""
        return read_matrix(path, "S")
