"""Images without masks, and files that a guess leaves alone, are told."""

from pathlib import Path

from data.made import make, photo, save, truth

from fcnlab.data.guess import guess
from fcnlab.data.guess_pairs import guess_layout
from fcnlab.data.guess_rest import nothing_found, unmasked, unread


def test_what_is_left_is_told(tmp_path: Path) -> None:
    make(tmp_path, lists=False)
    (tmp_path / "more").mkdir()
    for path in ("images/photo_90.png", "more/photo_91.png"):
        save(tmp_path / path, photo(90))
    layout = guess_layout(tmp_path)
    assert layout is not None
    assert unmasked(tmp_path, layout) == [tmp_path / "images" / "photo_90.png"]
    assert list(unread(tmp_path, layout)) == [
        "# not read: 1 files of images/, as photo_90.png",
        "# not read: 1 files of more/, as photo_91.png",
    ]


def test_names_that_speak_of_splits_are_told(tmp_path: Path) -> None:
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for i, split in enumerate(["train"] * 6 + ["test"] * 3):
        for folder in ("images", "masks"):
            save(tmp_path / folder / f"{i}_{split}_{i % 2}_.png", photo(i) if folder == "images" else truth(i))
    assert "# the names speak of train and test, which is not followed: name" in guess(tmp_path)


def test_other_files_are_counted_with_what_to_do(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.avi", ".c.mp4"):
        (tmp_path / name).touch()
    assert "2 files .mp4, .avi: save the frames as PNG." in str(nothing_found(tmp_path))
