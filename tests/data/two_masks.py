"""A folder of images with two masks each, made up, and a training on it: for the tests of nets with several heads."""

from pathlib import Path

import numpy as np
import PIL.Image
from conftest import Command, Outcome
from data.made import photo, save

SPLITS = {"train": range(6), "val": range(6, 8), "test": range(8, 11)}
SIZE = (48, 64)
HEADS = ("+data.heads={side: {masks: 'sides/{name}.png', classes: sides.txt}}", "+model.heads={side: 3}")
TINY = (
    *("data=folder", "data.lists=lists", "data.augment=[]", "model=fcn16s", "logger=none", "epochs=2"),
    *("trainer.enable_progress_bar=false", "trainer.precision=32-true", "optim.lr=1e-2"),
    *("model.backbone.width=0.05", "model.backbone.fc_channels=16", "data.batch_size=2", "data.num_workers=0"),
)


def truth(index: int) -> np.ndarray:
    """Four classes in blocks."""
    return np.random.default_rng(index).integers(0, 4, (3, 4), dtype=np.uint8).repeat(16, 0).repeat(16, 1)


def side(index: int) -> np.ndarray:
    """Left and right, with void between them; of the third class there is no pixel."""
    labels = np.repeat(np.arange(SIZE[1])[None] >= 20 + index, SIZE[0], 0).astype(np.uint8)
    labels[:, 18 + index : 20 + index] = 255
    return labels


def make(root: Path) -> Path:
    for folder in ("images", "masks", "sides", "lists"):
        (root / folder).mkdir()
    for index in range(11):
        small = photo(index)[:12, :14]
        save(root / "images" / f"i{index}.png", np.asarray(PIL.Image.fromarray(small).resize(SIZE[::-1])))
        save(root / "masks" / f"i{index}.png", truth(index))
        save(root / "sides" / f"i{index}.png", side(index))
    for split, indices in SPLITS.items():
        (root / "lists" / f"{split}.txt").write_text("".join(f"i{i}\n" for i in indices))
    (root / "classes.txt").write_text("a\nb\nc\nd\n")
    (root / "sides.txt").write_text("left\nright\nnever\n")
    return root


def train(command: Command, root: Path, *words: str) -> Outcome:
    return command("train", *TINY, f"data.root='{root}'", *words)


def only(runs: Path) -> Path:
    (folder,) = runs.glob("plain-*")
    return folder
