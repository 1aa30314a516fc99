"""How long a data set of many files takes before the first step: looked at for the first time, and found as it was."""

import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from fcnlab.benchmark.row import Row, shown
from fcnlab.callbacks.image_results import now
from fcnlab.cli.compose import build, compose, plain
from fcnlab.data.datamodule import SPLITS, usable_cores
from fcnlab.data.files import FileData
from fcnlab.data.kept import Kept
from fcnlab.data.masks import read_mask_file

FEW = 100  # pairs, beside which many are measured
DISTINCT = 20  # images that are drawn; the others are copies of them


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
    config = compose("train", ["data=folder", f"data.root='{root}'", "data.classes=[ground, leaf, stem]"]).data
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
    with ThreadPoolExecutor(usable_cores()) as pool:
        for _ in pool.map(read_mask_file, masks):
            pass
    return len(masks) / (now() - began)


def write_pairs(root: Path, count: int, height: int, width: int) -> None:
    """Images and masks of which no two share a name; links, where the disk has them."""
    random = np.random.default_rng(0)
    for kind in ("images", "masks"):
        (root / kind).mkdir(parents=True)
    for number in range(count):
        files = [root / "images" / f"{number:06}.jpg", root / "masks" / f"{number:06}.png"]
        if number < DISTINCT:
            small = random.integers(0, 3, (height // 8 + 1, width // 8 + 1), dtype=np.uint8)
            mask = small.repeat(8, 0).repeat(8, 1)[:height, :width]
            PIL.Image.fromarray(np.repeat(mask[..., None] * 80, 3, 2)).save(files[0])
            PIL.Image.fromarray(mask).save(files[1])
            continue
        for file in files:
            file.hardlink_to(file.with_stem(f"{number % DISTINCT:06}"))
