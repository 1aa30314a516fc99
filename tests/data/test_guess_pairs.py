"""Images and masks are found by what their names share, and by nothing else."""

from pathlib import Path

import numpy as np
import pytest
from data.scenes import labels, photo, save

from fcnlab.data.guess_pairs import affixes_of, guess_layout, image_files


@pytest.mark.parametrize(
    ("image", "mask", "shared"),
    [
        ("photo_1", "photo_1_mask", ("", "", "", "_mask")),
        ("img_001", "mask_001", ("img_", "", "mask_", "")),
        ("0001_img", "0001_gt", ("", "_img", "", "_gt")),
        ("1", "1", ("", "", "", "")),
    ],
)
def test_what_two_names_share_is_found(image: str, mask: str, shared: tuple[str, ...]) -> None:
    assert shared in list(affixes_of(image, mask))


@pytest.mark.parametrize(("image", "mask"), [("1", "10"), ("img_1", "mask_21"), ("left", "right")])
def test_a_number_is_no_part_of_another(image: str, mask: str) -> None:
    assert list(affixes_of(image, mask)) == []


def test_folders_of_splits_are_one_folder(tmp_path: Path) -> None:
    for name in ("train/a.png", "Valid_masks/a.png", "deep/testing/x/a.png", "contest/a.png", ".git/a.png"):
        save(photo(0), tmp_path / name)
    found = {folder.parts for folder in image_files(tmp_path)}
    assert found == {("{split}",), ("{split}_masks",), ("deep", "{split}", "x"), ("contest",)}


def test_more_folders_than_can_be_compared_with_each_other(tmp_path: Path) -> None:
    for i in range(60):
        save(photo(i, 4, 4), tmp_path / f"patient {i}" / "scan.png")
        save(labels(i, [0, 1], 4, 4).astype(np.uint8), tmp_path / f"patient {i}" / "scan_seg.png")
    layout = guess_layout(tmp_path)
    assert layout is not None
    assert (layout.images, layout.masks) == ("{folder}/{name}.png", "{folder}/{name}_seg.png")
    assert len(layout.pairs) == 60
