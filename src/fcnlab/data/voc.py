"""PASCAL VOC: 21 classes, trained on SBD's 8,498 images, scored on seg11valid, the 736 of the FCN papers."""

import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Interval
from scipy.io import loadmat
from torchvision.datasets import SBDataset, VOCSegmentation
from torchvision.datasets.voc import DATASET_YEAR_DICT

from fcnlab.data.files import FileData, Pair, open_image, unreadable, without_suffix
from fcnlab.data.published import share_of_train
from fcnlab.data.transforms import Mask
from fcnlab.error import UserError, nearest

# VOC's own words, in VOC's order.
CLASSES = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
LISTS = ("sbd_train", "trainaug", "voc_train", "voc_val", "seg11valid")
# VOC 2011's val without SBD's train, the list of shelhamer/fcn.berkeleyvision.org (data/pascal). Kept here because it
# does not follow from VOC 2012, and without it no score compares with the papers'.
SEG11VALID = Path(__file__).with_name("seg11valid.txt")
LAYOUT = (
    "{root}/VOCdevkit/VOC{year}/ with JPEGImages/NAME.jpg, SegmentationClass/NAME.png and ImageSets/Segmentation/"
    "train.txt, val.txt (unpack {voc}); for SBD {root}/sbd/ with train.txt, val.txt, img/NAME.jpg and cls/NAME.mat "
    "(the folder dataset of {sbd}). data.download=true gets both. With data.sbd=png, SBD's masks are VOCdevkit/"
    "VOC{year}/SegmentationClassAug/NAME.png, which have no lasting address: get SegmentationClassAug.zip by hand"
)


class VOC(FileData):
    """VOC 2011 or 2012 in ``root/VOCdevkit`` and SBD in ``root/sbd``, as torchvision fetches and lays them out.

    Lists of images: ``sbd_train`` (8,498, the papers'), ``trainaug`` (10,582: VOC 2012's train and all of SBD, without
    VOC 2012's val), ``voc_train``, ``voc_val``, ``seg11valid``, or a text file of names, relative to ``root``. An
    image has VOC's mask where VOC lists it, else SBD's; in ``sbd_train`` all have SBD's.

    Args:
        year: 2011 or 2012.
        train_list: the images to learn from; one that is also in ``test_list`` is an error.
        test_list: the images that are reported.
        val_fraction: share of ``train_list`` for choosing checkpoints and settings, by a hash of the name.
        hold_out: keep that share out of training. The papers learn from the whole list; then ``val`` measures memory,
            and ``score=last`` is the honest choice.
        sbd: SBD's masks are ``mat`` files in ``root/sbd/cls`` or ``png`` files in the devkit's SegmentationClassAug.
        download: fetch VOC, and SBD with its mat files, where they are not there.
    """

    def __init__(
        self,
        *,
        root: str,
        year: Literal[2011, 2012],
        train_list: str,
        test_list: str,
        val_fraction: Annotated[float, Interval(gt=0, lt=1)],
        hold_out: bool,
        sbd: Literal["mat", "png"],
        download: bool,
        **common: Any,
    ) -> None:
        voc = DATASET_YEAR_DICT[str(year)]["url"]
        layout = LAYOUT.format(root=root, year=year, voc=voc, sbd=SBDataset.url)
        super().__init__(root=root, layout=layout, class_names=CLASSES, **common)
        self.year, self.sbd, self.download = str(year), sbd, download
        self.train_list, self.test_list = train_list, test_list
        self.val_fraction, self.hold_out = val_fraction, hold_out

    @property
    def home(self) -> Path:
        """The folder of the year; the archive of 2011 unpacks one level deeper."""
        homes = [self.root / inside / "VOCdevkit" / f"VOC{self.year}" for inside in ("", "TrainVal")]
        return next((home for home in homes if home.is_dir()), homes[0])

    def pairs(self, split: str) -> list[Pair]:
        """Follow the lists; val is a part of the training list, chosen by hash."""
        tested = self.listed(self.test_list)
        if split == "test":
            return [self.voc_pair(name) for name in tested]
        names = self.listed(self.train_list)
        if leaked := sorted({*names} & {*tested}):
            raise UserError(
                f"data.train_list={self.train_list} names {len(leaked)} images of data.test_list={self.test_list}: "
                f"{', '.join(leaked[:3])}, ... No image may be both learnt and tested. seg11valid goes with sbd_train, "
                "trainaug and voc_train, voc_val with trainaug and voc_train."
            )
        chosen = share_of_train(names, split, self.val_fraction, self.hold_out)
        own = self.own_masks()
        return [self.voc_pair(name) if name in own else self.sbd_pair(name) for name in chosen]

    def own_masks(self) -> set[str]:
        """The images of the training list whose mask is VOC's, not SBD's."""
        if self.train_list == "sbd_train":
            return set()
        return {*self.listed("voc_train"), *(self.listed("voc_val") if self.train_list != "voc_train" else ())}

    def voc_pair(self, name: str) -> Pair:
        """An image with VOC's mask."""
        return Pair(name, self.home / "JPEGImages" / f"{name}.jpg", self.home / "SegmentationClass" / f"{name}.png")

    def sbd_pair(self, name: str) -> Pair:
        """An image with SBD's mask."""
        if self.sbd == "mat":
            return Pair(name, self.root / "sbd" / "img" / f"{name}.jpg", self.root / "sbd" / "cls" / f"{name}.mat")
        return Pair(name, self.home / "JPEGImages" / f"{name}.jpg", self.home / "SegmentationClassAug" / f"{name}.png")

    def listed(self, which: str) -> list[str]:
        """The names of a list."""
        if which == "seg11valid":
            return read_list(SEG11VALID)
        sets = self.home / "ImageSets" / "Segmentation"
        if which == "trainaug" and not (sets / "trainaug.txt").is_file():
            known = {name for part in ("voc_train", "sbd_train", "sbd_val") for name in self.listed(part)}
            return sorted(known - {*self.listed("voc_val")})
        source, _, part = which.partition("_")
        path = {"voc": sets / f"{part}.txt", "sbd": self.root / "sbd" / f"{part}.txt"}.get(source, self.root / which)
        if which == "trainaug":
            path = sets / "trainaug.txt"
        if path.is_file():
            return read_list(path)
        if which not in (*LISTS, "sbd_val"):
            raise UserError(f"There is neither a list {which!r} nor a file {path}. {nearest(which, LISTS)}")
        raise self.missing(f"The list {path} is missing.")

    def decode_mask(self, path: Path) -> Mask:
        """SBD's .mat files, beside images; SBD knows no void."""
        if path.suffix != ".mat":
            return super().decode_mask(path)
        try:
            return np.asarray(loadmat(path)["GTcls"]["Segmentation"][0, 0], np.uint8)
        except Exception as error:  # what a broken file raises is not defined by scipy
            raise unreadable(path, error) from error

    def image_shape(self, split: str, index: int) -> tuple[int, int]:
        """Height and width; a .mat file has no header to look at, so its image is."""
        pair = self.checked_pairs(split)[index]
        if pair.mask.suffix != ".mat":
            return super().image_shape(split, index)
        with open_image(pair.image) as image:
            return image.height, image.width

    def prepare_data(self) -> None:
        """Fetch what is missing if asked; the Trainer calls this in one process only."""
        if self.download and not self.home.is_dir():
            self.fetch("VOC", self.home)
        if self.download and self.sbd == "mat" and self.train_list != "voc_train" and not (self.root / "sbd").is_dir():
            self.fetch("SBD", self.root / "sbd")

    def fetch(self, what: str, target: Path) -> None:
        """Let torchvision download, check and unpack aside, and move the result to its folder: whole or not at all."""
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.root) as scratch:
            try:
                if what == "VOC":
                    VOCSegmentation(scratch, year=self.year, download=True)
                    folder = Path(scratch) / DATASET_YEAR_DICT[self.year]["base_dir"]
                else:
                    SBDataset(scratch, image_set="train", mode="segmentation", download=True)
                    folder = Path(scratch) / "kept"
                    folder.mkdir()
                    for part in ("img", "cls", "train.txt", "val.txt"):
                        (Path(scratch) / part).rename(folder / part)
            except (OSError, RuntimeError, tarfile.TarError) as error:
                raise self.missing(f"Cannot fetch {what}: {error}. Get it by hand.") from error
            shutil.move(folder, target)


def read_list(path: Path) -> list[str]:
    """The names in a text file: the first word of each line."""
    return [without_suffix(line.split()[0]) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
