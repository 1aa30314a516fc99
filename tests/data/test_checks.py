"""No training begins with an image that is learnt and tested, a split without a label, or palettes that differ."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tifffile
from conftest import TINY, Command
from data.faults import make_folder

OWN = (
    *("data=folder", "data.lists=lists", "logger=none", "trainer=smoke", "trainer.enable_progress_bar=false"),
    *("trainer.precision=32-true", "model.backbone.width=0.05", "model.backbone.fc_channels=8", "data.batch_size=2"),
)
SPLITS = {"train": range(6), "val": range(6, 8), "test": range(8, 11)}


def paint(root: Path, split: str, label: int) -> None:
    for i in SPLITS[split]:
        path = root / "masks" / f"photo_{i}.png"
        with PIL.Image.open(path) as old:
            PIL.Image.new("L", old.size, label).save(path)


def copy(root: Path, source: int, name: str, split: str) -> None:
    """One image and its mask again, under another name, in a list."""
    shutil.copy(root / "images" / f"photo_{source}.jpg", root / "images" / f"{name}.jpg")
    shutil.copy(root / "masks" / f"photo_{source}.png", root / "masks" / f"{name}.png")
    with (root / "lists" / f"{split}.txt").open("a") as listing:
        listing.write(f"{name}\n")


def copy_with_other_mask(root: Path) -> None:
    copy(root, 0, "again", "test")
    PIL.Image.new("L", (50, 40), 1).save(root / "masks" / "again.png")


def repaint(root: Path) -> None:
    """Half of the masks with classes 1 and 2 swapped, in labels and in the palette: all look alike."""
    for i in range(0, 12, 2):
        path = root / "masks" / f"photo_{i}.png"
        with PIL.Image.open(path) as old:
            mask = PIL.Image.fromarray(np.array([0, 2, 1], np.uint8)[np.asarray(old)])
        mask.putpalette([0, 0, 0, 0, 255, 0, 255, 0, 0])
        mask.save(path)


def repaint_one_test_mask(root: Path) -> None:
    path = root / "masks" / "photo_10.png"
    with PIL.Image.open(path) as old:
        mask = PIL.Image.fromarray(np.asarray(old))
    mask.putpalette([0, 0, 0, 255, 0, 0, 0, 0, 255])
    mask.save(path)


Change = Callable[[Path], object]
REFUSED: dict[str, tuple[Change, tuple[str, ...]]] = {
    "val is void": (lambda r: paint(r, "val", 255), ("val has no labelled pixel", "2 masks")),
    "test is void": (lambda r: paint(r, "test", 255), ("test has no labelled pixel", "3 masks")),
    "train is void": (lambda r: paint(r, "train", 255), ("train has no labelled pixel", "6 masks")),
    "a copy of a training image in the test": (
        lambda r: copy(r, 2, "other_name", "test"),
        ("1 images", "both train and test under two names", "photo_2 and other_name"),
    ),
    "the copy has another mask": (copy_with_other_mask, ("under two names", "photo_0 and again")),
    "half of the masks have another palette": (
        repaint,
        ("different palettes", "photo_0.png", "photo_1.png", "(255, 0, 0)"),
    ),
    "one test mask has another palette": (
        repaint_one_test_mask,
        ("label 2 is (0, 255, 0)", "(0, 0, 255)", "photo_10.png"),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_before_training_and_told_by_the_survey(case: str, tmp_path: Path, command: Command) -> None:
    root = make_folder(tmp_path / "data")
    REFUSED[case][0](root)
    for name, words in (("train", OWN), ("survey", ("data=folder", "data.lists=lists"))):
        outcome = command(name, *words, f"data.root={root}")
        assert outcome.code == 1
        for part in REFUSED[case][1]:
            assert part in outcome.text, name
        assert "Traceback" not in outcome.text
    assert not list(Path("runs").glob("*/checkpoints/*"))


def photo_9(root: Path, change: Callable[[Path], object]) -> None:
    """An image of the test as a PNG, changed."""
    old = root / "images" / "photo_9.jpg"
    with PIL.Image.open(old) as photo:
        photo.save(old.with_suffix(".png"))
    old.unlink()
    change(old.with_suffix(".png"))


def rewrite(path: Path, values: Callable[[np.ndarray], np.ndarray], suffix: str = ".png") -> None:
    with PIL.Image.open(path) as photo:
        new = values(np.asarray(photo))
    path.unlink()
    tifffile.imwrite(path.with_suffix(suffix), new) if suffix == ".tif" else PIL.Image.fromarray(new).save(path)


UNREADABLE: dict[str, tuple[Callable[[Path], object], str]] = {
    "cut off": (lambda p: p.write_bytes(p.read_bytes()[:-30]), "photo_9.png as an image: truncated PNG file"),
    "12 bits in 16": (lambda p: rewrite(p, lambda v: v[..., 0].astype(np.uint16) * 16), "12 bits in 16?"),
    "four bands": (lambda p: rewrite(p, lambda v: np.dstack([v, v])[..., :4], ".tif"), "photo_9.tif has 4 bands"),
    "another size": (lambda p: rewrite(p, lambda v: v[1:]), "photo_9.png is 50x40, its image 50x39"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_an_image_that_only_the_test_reads_is_looked_at_before_the_training(
    case: str, tmp_path: Path, command: Command
) -> None:
    root = make_folder(tmp_path / "data")
    change, told = UNREADABLE[case]
    photo_9(root, change)
    outcome = command("train", *OWN, f"data.root={root}")
    assert outcome.code == 1
    assert told in outcome.text
    assert not list(Path("runs").glob("*/checkpoints/*"))
    assert "epoch 1/" not in outcome.text


def test_what_is_not_used_is_not_asked_for_labels(tmp_path: Path, command: Command) -> None:
    root = make_folder(tmp_path / "data")
    paint(root, "test", 255)
    copy(root, 2, "other_name", "test")
    outcome = command("train", *OWN, f"data.root={root}", "test=false")
    assert outcome.code == 0, outcome.text


def test_empty_tiles_give_nothing_away(tmp_path: Path, command: Command) -> None:
    root = make_folder(tmp_path / "data")
    for i in (0, 9):
        PIL.Image.new("RGB", (50, 40)).save(root / "images" / f"photo_{i}.jpg")
    assert command("train", *OWN, f"data.root={root}").code == 0
    assert command("survey", "data=folder", "data.lists=lists", f"data.root={root}").code == 0


def test_void_by_a_setting_counts_as_void(tmp_path: Path, command: Command) -> None:
    root = make_folder(tmp_path / "data")
    paint(root, "val", 2)
    outcome = command("train", *OWN, f"data.root={root}", "data.void_label=2")
    assert "val has no labelled pixel" in outcome.text
    assert "error: val has no images." in command("train", *TINY, "data.images.val=0").text


def test_palettes_that_differ_in_colours_without_pixels_are_one_palette(tmp_path: Path, command: Command) -> None:
    root = make_folder(tmp_path / "data")
    for i in range(4):
        path = root / "masks" / f"photo_{i}.png"
        with PIL.Image.open(path) as old:
            mask = PIL.Image.fromarray(np.minimum(np.asarray(old), 1))
        mask.putpalette([0, 0, 0, 255, 0, 0, 9, 9, 9, 7, 7, 7])
        mask.save(path)
    outcome = command("train", *OWN, f"data.root={root}")
    assert outcome.code == 0, outcome.text
