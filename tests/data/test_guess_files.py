"""Files are found by folder and split, and those of one name in a folder of each image by that folder's name."""

from pathlib import Path

from data.scenes import photo, save

from fcnlab.data.guess_files import image_files


def test_folders_of_splits_are_one_folder(tmp_path: Path) -> None:
    for name in (
        "train/a.png",
        "Valid_masks/a.png",
        "deep/testing/x/a.png",
        "contest/a.png",
        ".git/a.png",
        "__MACOSX/a.png",
    ):
        save(photo(0), tmp_path / name)
    found = {folder.parts for folder in image_files(tmp_path)}
    assert found == {("{split}",), ("{split}_masks",), ("deep", "{split}", "x"), ("contest",)}


def test_folders_of_single_images_are_told_from_folders_of_kinds(tmp_path: Path) -> None:
    for name in "pqrs":
        save(photo(0, 4, 4), tmp_path / "each" / name / "img.png")
        for kind in ("images", "masks", "overlays"):
            save(photo(0, 4, 4), tmp_path / kind / f"{name}.png")
    found = {folder.parts: sorted(name for _, name in files) for folder, files in image_files(tmp_path).items()}
    assert found == {
        ("each", "{name}", "img"): [*"pqrs"],
        **{(kind,): [*"pqrs"] for kind in ("images", "masks", "overlays")},
    }
