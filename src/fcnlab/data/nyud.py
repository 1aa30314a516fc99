"""NYUDv2: indoor scenes with depth in 40 classes, 795 / 654 images of 640x480; colour, depth, HHA or two as input."""

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from scipy.io import loadmat

from fcnlab.data.files import Pair, unreadable
from fcnlab.data.images import ImageReader
from fcnlab.data.masks import Stored
from fcnlab.data.opened import decode
from fcnlab.data.published import PublishedData, names_in, read_matrix
from fcnlab.data.transforms import Image
from fcnlab.error import UserError, import_extra

# In the order of the labels 1 ... 40 (shelhamer/fcn.berkeleyvision.org, data/nyud/classes.txt).
CLASSES = (
    *("wall", "floor", "cabinet", "bed", "chair", "sofa", "table", "door", "window", "bookshelf", "picture", "counter"),
    *("blinds", "desk", "shelves", "curtain", "dresser", "pillow", "mirror", "floor mat", "clothes", "ceiling"),
    *("books", "refridgerator", "television", "paper", "towel", "shower curtain", "box", "whiteboard", "person"),
    *("night stand", "toilet", "sink", "lamp", "bathtub", "bag", "otherstructure", "otherfurniture", "otherprop"),
)
CHANNELS = {"color": 3, "depth": 1, "hha": 3, "color-depth": 4, "color-hha": 6}
EXPECTED = {"trainval": 795, "test": 654}
MAT = "nyu_depth_v2_labeled.mat"
# Depth becomes the logarithm of millimetres, from half a metre (0) to ten metres (255): steps of 1.2 %.
NEAR, FAR = np.log(500.0), np.log(10000.0)


class NYUD(PublishedData):
    """The FCN authors' folders, or the official file of labelled pairs.

    ``files``: ``root/trainval.txt`` (or ``train.txt`` and ``val.txt``) and ``test.txt`` (NAME or its number),
    ``data/images``, ``data/depth`` and ``data/hha`` with NAME.png or .jpg, ``segmentation`` with NAME.mat or .png, in
    which 0 is void and 1 to 40 the classes. Depth of 16 bits is in millimetres, depth of 8 bits in metres times 25.5.
    ``mat``: ``root`` with ``nyu_depth_v2_labeled.mat``, ``splits.mat`` and ``classMapping40.mat``, which takes its 894
    labels to 40; it holds no HHA, and making that from depth is left to the tools of Gupta et al. (saveHHA.m).

    Args:
        files: ``files`` or ``mat``.
        input: ``color``, ``depth``, ``hha``, ``color-depth`` (depth as a fourth channel) or ``color-hha`` (HHA as three
            more: model=fcn32s_late).
        channels: of that input: 3, 1, 3, 4 or 6; the net is built by it.
    """

    published = EXPECTED

    def __init__(
        self,
        *,
        root: str,
        files: Literal["files", "mat"],
        input: Literal["color", "depth", "hha", "color-depth", "color-hha"],
        channels: int,
        **common: Any,
    ) -> None:
        if channels != CHANNELS[input]:
            raise UserError(f"data.input={input} has {CHANNELS[input]} channels: set data.channels={CHANNELS[input]}.")
        if files == "mat" and "hha" in input:
            raise UserError(f"data.input={input} needs data.files=files: the official file holds depth, but no HHA.")
        where = (
            f"{MAT}, splits.mat and classMapping40.mat"
            if files == "mat"
            else "trainval.txt (or train.txt and val.txt), test.txt, data/images/NAME.png, data/depth, data/hha and "
            "segmentation/NAME.mat"
        )
        layout = f"{root}/ with {where}"
        super().__init__(root=root, layout=layout, class_names=CLASSES, shift=-1, channels=channels, **common)
        self.source, self.kind = files, input
        self.colour_reader = ImageReader(channels=3)

    def pairs(self, split: str) -> list[Pair]:
        """Follow the official split."""
        listing = "test" if split == "test" else "trainval"
        if self.source == "mat":
            numbers = self.matrix("splits.mat", "testNdxs" if listing == "test" else "trainNdxs").ravel().tolist()
            names, where = [f"img_{5000 + number}" for number in numbers], self.root / "splits.mat"
        else:
            where = self.root / f"{listing}.txt"
            lists = [where]
            if listing == "trainval" and not where.is_file() and (self.root / "val.txt").is_file():
                lists = [self.root / "train.txt", self.root / "val.txt"]  # as the FCN authors keep them
            listed = [name for one in lists for name in names_in(self, one)]
            names = [name if name.startswith("img_") else f"img_{name}" for name in listed]
        chosen = self.share(names, split, where, listing)
        return [self.pair(name) for name in chosen]

    def pair(self, name: str) -> Pair:
        """An image, or the one that stands for several, with its mask."""
        if self.source == "mat":
            inside = Path(f"{self.root / MAT}#{int(name.removeprefix('img_')) - 5001}")
            return Pair(name, inside, inside)
        folder = {"hha": "hha", "depth": "depth"}.get(self.kind, "images")
        return Pair(
            name, self.one(f"data/{folder}/{name}", ".png", ".jpg"), self.one(f"segmentation/{name}", ".mat", ".png")
        )

    def one(self, path: str, *suffixes: str) -> Path:
        """The first of some files that is there, else the first."""
        paths = [self.root / f"{path}{suffix}" for suffix in suffixes]
        return next((one for one in paths if one.is_file()), paths[0])

    def matrix(self, file: str, key: str) -> Any:
        """A matrix out of one of MATLAB's small files."""
        path = self.root / file
        if not path.is_file():
            raise self.missing(f"The file {path} is missing.")
        try:
            return loadmat(path)[key]
        except Exception as error:  # what a broken file raises is not defined by scipy
            raise unreadable(path, error) from error

    def file_of(self, mask: Path) -> Path:
        """The file on the disk."""
        return Path(str(mask).partition("#")[0])

    def check_files(self, split: str, kind: str, paths: list[Path]) -> None:
        """What is in one file is there with it."""
        super().check_files(split, kind, [self.file_of(path) for path in paths] if self.source == "mat" else paths)

    def take(self, what: str, path: Path) -> Any:
        """One image of the official file, transposed: MATLAB counts columns first."""
        h5py = import_extra("h5py", "data", f"Reading {MAT}")
        file, _, number = str(path).partition("#")
        try:
            with h5py.File(file) as content:
                return np.asarray(content[what][int(number)]).T
        except (OSError, KeyError, ValueError, IndexError) as error:
            raise unreadable(Path(file), error) from error

    @cached_property
    def to_40(self) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """Label of 0 to 40 by label of the official file, 0 being void."""
        mapped = np.asarray(self.matrix("classMapping40.mat", "mapClass")).ravel()
        return np.concatenate([[0], mapped, np.zeros(65535 - len(mapped))]).astype(np.uint8)

    def decode_mask(self, path: Path) -> Stored:
        """Labels 0 to 40."""
        if self.source == "mat":
            return np.asarray(self.to_40[self.take("labels", path)])
        return read_matrix(path, "segmentation") if path.suffix == ".mat" else super().decode_mask(path)

    def read_image_of(self, pair: Pair, drawn: tuple[int, ...]) -> Image:
        """The chosen input (H, W, 1, 3 or 4)."""
        parts = []
        if self.kind != "depth":
            parts.append(self.colour(pair))
        if "depth" in self.kind:
            parts.append(self.depth(pair))
        if self.kind == "color-hha":
            parts.append(self.colour_reader.read(self.one(f"data/hha/{pair.name}", ".png", ".jpg")))
        if any(part.shape[:2] != drawn for part in parts):
            raise UserError(f"The files of {pair.name} have different sizes. An image, its depth and mask have one.")
        return np.ascontiguousarray(np.concatenate(parts, -1))

    def colour(self, pair: Pair) -> Image:
        """Colour, or HHA, as (H, W, 3)."""
        if self.source == "mat":
            return np.asarray(self.take("images", pair.image))
        return self.colour_reader.read(pair.image)

    def depth(self, pair: Pair) -> Image:
        """The logarithm of depth as (H, W, 1) uint8; what has no depth is as near as can be."""
        if self.source == "mat":
            millimetres = 1000 * np.asarray(self.take("depths", pair.image), np.float64)
        else:
            path = self.one(f"data/depth/{pair.name}", ".png", ".jpg")
            stored = decode(path, lambda image: np.asarray(image))
            if stored.ndim != 2:
                raise UserError(f"Depth {path} has {stored.ndim} dimensions: it must be grey, in millimetres.")
            millimetres = stored.astype(np.float64) * (1000 / 25.5 if stored.dtype == np.uint8 else 1)
        share = (np.log(np.clip(millimetres, 1, None)) - NEAR) / (FAR - NEAR)
        return np.asarray(np.rint(255 * np.clip(share, 0, 1)), np.uint8)[..., None]

    def image_size(self, pair: Pair) -> tuple[int, int]:
        """Width and height."""
        if self.source == "mat":
            height, width = self.take("labels", pair.mask).shape
            return width, height
        return super().image_size(pair)

    def image_hash(self, pair: Pair) -> str:
        """Of the colours in the official file, else of the file."""
        if self.source == "files":
            return super().image_hash(pair)
        return hashlib.sha256(self.take("images", pair.image).tobytes()).hexdigest()[:16]

    def image_shape(self, split: str, index: int) -> tuple[int, int]:
        """Height and width."""
        width, height = self.image_size(self.checked_pairs(split)[index])
        return height, width
