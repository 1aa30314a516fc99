"""Images without masks, and files that a guess leaves alone, are told."""

from pathlib import Path

from data.made import make, photo, save

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


def test_other_files_are_counted_with_what_to_do(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.avi", ".c.mp4"):
        (tmp_path / name).touch()
    assert "2 files .mp4, .avi: save the frames as PNG." in str(nothing_found(tmp_path))
