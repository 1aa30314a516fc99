"""How long a data set of many files takes before the first step: looked at for the first time, and found as it was."""

import shutil
import tempfile
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
from fcnlab.data.masks import read_mask_file

FEW = 100  # pairs, beside which many are measured
DISTINCT = 20  # images that are drawn; the others are copies of them
CLASSES = ("ground", "leaf", "stem")
COARSE, FINE, SHARE = 64, 8, 0.2  # pixels between the random values that regions and their ragged edges come from


def rows(config: dict[str, Any]) -> list[Row]:
    """First and second start."""
    count, (height, width) = config["startup_pairs"], config["net"]["image"]
    first, second = list[float](), list[float]()
    with tempfile.TemporaryDirectory() as folder:
        many, few = Path(folder, "many"), Path(folder, "few")
        for root, number in ((many, count), (few, FEW)):
            write_pairs(root, number, height, width)
        masks = sorted((many / "masks").iterdir())
        for _ in range(config["rounds"]):
            shutil.rmtree(many / "kept", ignore_errors=True)
            first.append(count / start(many) / decoded(masks))
            start(few)
            second.append(start(many) - start(few))
    beside = f"seconds over those of {FEW} pairs"
    told = f"{count} pairs of {height}x{width}, {usable_cores()} threads"
    return [
        Row("first start of a data set", "pairs/s over masks/s that the cores decode", first, ">= 0.8", told),
        Row("second start of a data set", beside, second, "<= 2", f"{told}; {shown(second)}"),
    ]


def start(root: Path) -> float:
    """Seconds for all that a training looks up in files before its first batch."""
    began = now()
    config = compose("train", ["data=folder", f"data.root='{root}'", f"data.classes=[{','.join(CLASSES)}]"]).data
    data = build(config)
    assert isinstance(data, FileData)
    data.kept = Kept(root / "kept", plain(config))
    for split in SPLITS:
        data.contents(split)
        data.shapes(split)
    return now() - began


def decoded(masks: list[Path]) -> float:
    """Masks per second that as many threads as there are cores decode, and do nothing else."""
    began = now()
    for _ in in_order(lambda index: read_mask_file(masks[index]), len(masks), threads=usable_cores()):
        pass
    return len(masks) / (now() - began)


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
