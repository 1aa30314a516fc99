"""Lists of splits are found beside the images, and taken where all that they name is there."""

from pathlib import Path

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
