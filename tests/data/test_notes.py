"""A survey tells what is no fault, yet worth knowing: the same images twice, classes on one side, crops and padding."""

import shutil
from pathlib import Path

import numpy as np
import PIL.Image
from conftest import Command
from data.faults import make_folder

FOLDER = ("data=folder", "data.lists=lists")


def flat(text: str) -> str:
    return " ".join(text.split())


def test_a_validation_on_training_images_is_told(tmp_path: Path, command: Command) -> None:
    root = make_folder(tmp_path / "data")
    shutil.copy(root / "lists" / "train.txt", root / "lists" / "val.txt")
    outcome = command("survey", *FOLDER, f"data.root={root}")
    assert outcome.code == 0, outcome.text
    assert "6 of 6 val images, all, are in train too: photo_0, photo_1, photo_2. So val tells" in flat(outcome.text)


def test_an_equal_image_that_was_saved_anew_is_told(tmp_path: Path, command: Command) -> None:
    root = make_folder(tmp_path / "data")
    with PIL.Image.open(root / "images" / "photo_0.jpg") as photo:
        photo.save(root / "images" / "again.png")
    shutil.copy(root / "masks" / "photo_0.png", root / "masks" / "again.png")
    with (root / "lists" / "train.txt").open("a") as listing:
        listing.write("again\n")
    outcome = command("survey", *FOLDER, f"data.root={root}")
    assert "1 images of train are there more than once, under other names: photo_0, again." in flat(outcome.text)
    (root / "lists" / "train.txt").write_text("photo_0\nphoto_1\n")
    (root / "lists" / "test.txt").write_text("photo_8\nagain\n")
    outcome = command("survey", *FOLDER, f"data.root={root}")
    assert outcome.code == 1
    assert "photo_0 and again" in outcome.text


def test_classes_on_one_side_of_the_split_are_told(tmp_path: Path, command: Command) -> None:
    root = make_folder(tmp_path / "data")
    for i in range(12):
        path = root / "masks" / f"photo_{i}.png"
        with PIL.Image.open(path) as old:
            mask = np.minimum(np.asarray(old), 1 if i < 6 else 2)
        PIL.Image.fromarray(mask).save(path)
    (root / "classes.txt").write_text("ground\nleaf\nstem\nbark\n")
    outcome = command("survey", *FOLDER, f"data.root={root}")
    assert outcome.code == 0, outcome.text
    assert "Class stem occurs in val and test, not in train: it cannot be learnt." in flat(outcome.text)
    assert "Class bark occurs nowhere." in outcome.text
    assert "leaf occurs" not in outcome.text


def test_crops_and_padding_are_told_where_they_are_large(tmp_path: Path, command: Command) -> None:
    root = make_folder(tmp_path / "data")
    crop = "data.augment=[{_target_: albumentations.RandomCrop, height: %d, width: %d, pad_if_needed: true}]"
    outcome = command("survey", *FOLDER, f"data.root={root}", crop % (20, 20))
    assert "crops 20x20 pixels: 6 of 6 train images lose more than half of it." in flat(outcome.text)
    outcome = command("survey", *FOLDER, f"data.root={root}", crop % (96, 50))
    assert "crops 50x96 pixels: 2 of 6 train images are padded to more than twice their size." in flat(outcome.text)
    outcome = command("survey", *FOLDER, f"data.root={root}")
    assert "padding" not in outcome.text
    PIL.Image.new("RGB", (200, 100)).save(root / "images" / "photo_1.jpg")
    PIL.Image.new("L", (200, 100)).save(root / "masks" / "photo_1.png")
    outcome = command("survey", *FOLDER, f"data.root={root}")
    assert "The train images have 4 sizes. In batches up to" in flat(outcome.text)
