"""The files of a split: each named once, all of them there, shared out by folds, and stamped."""

import os
import shutil
from pathlib import Path

import pytest
from data.made import folder, make

from fcnlab.error import UserError


def test_every_image_is_in_one_fold_and_the_test_split_in_none(tmp_path: Path) -> None:
    root = make(tmp_path / "data")
    plain = folder(root)
    pool = {*plain.names("train"), *plain.names("val")}
    folds = [folder(root, "data.folds=2", f"data.fold={fold}") for fold in range(2)]
    assert sorted(name for data in folds for name in data.names("val")) == sorted(pool)
    for data in folds:
        assert {*data.names("train")} == pool - {*data.names("val")}
        assert data.names("test") == plain.names("test")
    with pytest.raises(UserError, match=r"data.fold=2 is no part of data.folds=2. Known: 0 to 1\."):
        folder(root, "data.folds=2", "data.fold=2")


def test_folds_lose_no_image_that_has_the_name_of_another(tmp_path: Path) -> None:
    root = make(tmp_path / "data")
    for split in ("train", "val"):
        for kind in ("images", "masks"):
            shutil.copytree(root / kind, root / split / kind)
    words = ("data.images='{split}/images/{name}.*'", "data.masks='{split}/masks/{name}.*'", "data.lists=null")
    assert folder(root, *words).names("train") == folder(root, *words).names("val")
    with pytest.raises(UserError, match="both have an image called .*: .*train.* and .*val"):
        folder(root, *words, "data.folds=2").names("train")


def test_a_name_that_is_listed_twice_is_refused(tmp_path: Path) -> None:
    root = make(tmp_path / "data")
    with (root / "lists" / "train.txt").open("a") as file:
        file.write("\nphoto_0\n")
    with pytest.raises(UserError, match="Split 'train' names photo_0 more than once"):
        folder(root).names("train")


def test_missing_files_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    root = make(tmp_path / "data")
    for name in ("photo_0", "photo_1"):
        (root / "masks" / f"{name}.png").unlink()
    with pytest.raises(UserError, match=r"The mask .*photo_0.png of split 'train' is missing, one of 2 missing of 4"):
        folder(root).names("train")


def test_a_stamp_changes_with_a_file_of_its_split_alone(tmp_path: Path) -> None:
    root = make(tmp_path / "data")
    before = [folder(root).split_stamp(split) for split in ("train", "test")]
    assert before == [folder(root).split_stamp(split) for split in ("train", "test")]
    os.utime(root / "masks" / "photo_0.png", ns=(0, 1))
    after = [folder(root).split_stamp(split) for split in ("train", "test")]
    assert (before[0] == after[0], before[1] == after[1]) == (False, True)
    assert folder(root, "data.labels=[2,1,0]").split_stamp("test") != after[1]
