"""Lists of splits are found beside the images, and taken where all that they name is there."""

from pathlib import Path

import numpy as np
import pytest
from data.scenes import labels, photo, save

from fcnlab.data.guess import guess
from fcnlab.data.guess_lists import guess_lists

NAMES = ("a 1", "a 2", "a 3")


def test_lists_are_taken_where_they_name_known_images(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "sets").mkdir()
    (tmp_path / "old" / "train.txt").write_text("a 1\na 9\n")
    (tmp_path / "old" / "val.txt").write_text("a 3\n")
    (tmp_path / "sets" / "train.txt").write_text("a 1\n")
    assert guess_lists(tmp_path, NAMES) is None  # of one split alone, of the other with an unknown name
    (tmp_path / "sets" / "valid.csv").write_text("image,mask\nimages/a 2.png,masks/a 2.png\n")
    found = guess_lists(tmp_path, NAMES)
    assert found == ("sets", {"train": "train", "val": "valid"}, ["a 1"])


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"train_aug.txt": "a 1\n", "val.txt": "a 2\n"}, (".", {"train": "train_aug", "val": "val"}, ["a 1"])),
        ({"train_aug.txt": "a 1\n", "train_b.txt": "a 1\n", "val.txt": "a 2\n"}, None),
        ({"meta.csv": "file,set\na 1,train\na 2,VALID\n"}, ("meta.csv", {"train": "train", "val": "val"}, ["a 1"])),
        ({"meta.csv": "file,set\na 1,train\na 9,VALID\n"}, None),
        ({"meta.csv": "file,what\na 1,train\na 2,VALID\n"}, None),
    ],
)
def test_names_of_lists_and_columns_tell_splits(files: dict[str, str], expected: object, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert guess_lists(tmp_path, NAMES) == expected


def test_a_list_of_one_split_alone_is_told(tmp_path: Path) -> None:
    """As fastai's copy of CamVid has it: nothing says which images are those of the training."""
    for number in range(6):
        save(photo(number), tmp_path / "images" / f"a{number}.png")
        save(labels(number, [0, 1]).astype(np.uint8), tmp_path / "labels" / f"a{number}.png")
    (tmp_path / "valid.txt").write_text("a1.png\na3.png\n")
    (tmp_path / "codes.txt").write_text("sky\nroad\n")
    (line,) = (line for line in guess(tmp_path).splitlines() if line.startswith("# not read: "))
    assert line.startswith("# not read: valid.txt. data.lists needs train.txt and val.txt or test.txt")
