"""How long a data set of many files takes before the first step: looked at for the first time, and found as it was."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.Image

from fcnlab.benchmark.row import Row, shown
from fcnlab.callbacks.image_results import now
from fcnlab.cli.compose import build, compose, plain
from fcnlab.data.contents import in_order
from fcnlab.data.datamodule import SPLITS
from fcnlab.data.files import FileData
from fcnlab.data.kept import Kept
from fcnlab.data.loading import usable_cores

FEW = 100  # pairs, beside which many are measured
DISTINCT = 20  # images that are drawn; the others are copies of them
CLASSES = ("ground", "leaf", "stem")
COARSE, FINE, SHARE = 64, 8, 0.2  # pixels between the random values that regions and their ragged edges come from


def rows(config: dict[str, Any]) -> list[Row]:
    """First and second start."""
    count, (height, width) = config["startup_pairs"], config["net"]["image"]
    first, masks, second, looked = list[float](), list[float](), list[float](), list[float]()
    with tempfile.TemporaryDirectory() as folder:
        many, few = Path(folder, "many"), Path(folder, "few")
        for root, number in ((many, count), (few, FEW)):
            write_pairs(root, number, height, width)
        data = described(many)
        for _ in range(config["rounds"]):
            shutil.rmtree(many / "kept", ignore_errors=True)
            looked.append(start(many))
            first.append(decoding(data, data.read) / looked[-1])
            masks.append(decoding(data, data.read_mask) / looked[-1])
            start(few)
            second.append(start(many) - start(few))
    beside = f"seconds over those of {FEW} pairs"
    told = f"{count} pairs of {height}x{width}, {usable_cores()} threads"
    return [
        Row("first start of a data set", "seconds to decode all pairs over ours", first, ">= 1", told),
        Row("first start of a data set", "seconds to decode all masks over ours", masks, detail=shown(looked)),
        Row("second start of a data set", beside, second, "<= 2", f"{told}; {shown(second)}"),
    ]


def described(root: Path) -> FileData:
    """The data set in a folder, as a training builds it."""
    config = compose("train", ["data=folder", f"data.root='{root}'", f"data.classes=[{','.join(CLASSES)}]"]).data
    data = build(config)
    assert isinstance(data, FileData)
    data.kept = Kept(root / "kept", plain(config))
    return data


def start(root: Path) -> float:
    """Seconds for all that a training looks up in files before its first batch."""
    began = now()
    data = described(root)
    for split in SPLITS:
        data.contents(split)
        data.shapes(split)
    return now() - began


def decoding(data: FileData, read: Callable[[str, int], object]) -> float:
    """Seconds in which as many threads as there are cores read every image of a data set, and do nothing else."""
    everything = [(split, index) for split in SPLITS for index in range(len(data.names(split)))]
    began = now()
    for _ in in_order(lambda number: read(*everything[number]), len(everything), threads=usable_cores()):
        pass
    return now() - began


def write_pairs(root: Path, count: int, height: int, width: int) -> None:
    """Images and masks of which no two share a name; links, where the disk has them.

    The masks are irregular regions: at 480x360 they take Pillow 0.44 ms to decode, PASCAL VOC's 0.34, CamVid's 0.53.
    """
    random = np.random.default_rng(0)
    for kind in ("images", "masks"):
        (root / kind).mkdir(parents=True)
    for number in range(count):
        files = [root / "images" / f"{number:06}.jpg", root / "masks" / f"{number:06}.png"]
        if number < DISTINCT:
            likely = field(random, height, width, COARSE) + SHARE * field(random, height, width, FINE)
            image = 128 + 40 * likely + random.normal(0, 8, likely.shape)
            PIL.Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(files[0])
            PIL.Image.fromarray(likely.argmax(-1).astype(np.uint8)).save(files[1])
            continue
        for file in files:
            file.hardlink_to(file.with_stem(f"{number % DISTINCT:06}"))


def field(random: np.random.Generator, height: int, width: int, step: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """One smooth random number per pixel and class, (H, W, classes)."""
    knots = random.normal(size=(height // step + 2, width // step + 2, len(CLASSES))).astype(np.float32)
    return np.asarray(cv2.resize(knots, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.float32)
