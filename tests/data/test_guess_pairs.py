"""Images and masks are found by what their names share, and by nothing else."""

from pathlib import Path

import numpy as np
import pytest
from data.scenes import labels, photo, save

from fcnlab.data.guess_pairs import affixes_of, guess_layout
from fcnlab.data.layout import Template


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


def test_more_folders_than_can_be_compared_with_each_other(tmp_path: Path) -> None:
    for i in range(60):
        save(photo(i, 4, 4), tmp_path / f"patient {i}" / "scan_1.png")
        save(labels(i, [0, 1], 4, 4).astype(np.uint8), tmp_path / f"patient {i}" / "scan_1_seg.png")
    layout = guess_layout(tmp_path)
    assert layout is not None
    assert (layout.images, layout.masks) == ("{folder}/{name}.png", "{folder}/{name}_seg.png")
    assert len(layout.pairs) == 60


LAYOUTS = {  # images and masks of six pairs with {}, by split; what is there besides; templates; words of the splits
    "split glued to a word": (
        {"train": ("traincrop/{}.jpg", "traincrop/{}_mask.png"), "test": ("testcrop/{}.jpg", "testcrop/{}_mask.png")},
        (),
        ("{split}crop/{name}.jpg", "{split}crop/{name}_mask.png"),
        {"train": "train", "test": "test"},
    ),
    "splits in names, two of the test": (
        {
            "train": ("train_{}.bmp", "train_{}_anno.bmp"),
            "A": ("testA_{}.bmp", "testA_{}_anno.bmp"),
            "B": ("testB_{}.bmp", "testB_{}_anno.bmp"),
        },
        (),
        ("{split}_{name}.bmp", "{split}_{name}_anno.bmp"),
        {"train": "train", "test{part}": "test"},
    ),
    "field of view beside the labels, the split in names too": (
        {
            "train": ("training/images/{}_training.tif", "training/1st_manual/{}_manual1.gif"),
            "test": ("test/images/{}_test.tif", "test/1st_manual/{}_manual1.gif"),
        },
        ("training/mask/{}_training_mask.gif", "test/mask/{}_test_mask.gif"),
        ("{split}/images/{name}_{split}.tif", "{split}/1st_manual/{name}_manual1.gif"),
        {"training": "train", "test": "test"},
    ),
    "each side has its own word for a split": (
        {"train": ("images/train/{}.png", "masks/training/{}.png"), "val": ("images/val/{}.png", "masks/valid/{}.png")},
        (),
        ("images/{split}/{name}.png", "masks/{split}/{name}.png"),
        {"train*": "train", "val*": "val"},
    ),
    "TR and TE": (
        {
            "train": ("D-TR/D-TR-Image/{}.png", "D-TR/D-TR-Mask/{}.png"),
            "test": ("D-TE/D-TE-Image/{}.png", "D-TE/D-TE-Mask/{}.png"),
        },
        (),
        ("D-{split}/D-{split}-Image/{name}.png", "D-{split}/D-{split}-Mask/{name}.png"),
        {"TR": "train", "TE": "test"},
    ),
    "a folder for each image": (
        {"": ("{}_json/img.png", "{}_json/label.png")},
        (),
        ("{name}/img.png", "{name}/label.png"),
        {},
    ),
    "a folder for each image of each split, with the same names": (
        {"train": ("train/{}/image.png", "train/{}/mask.png"), "val": ("val/{}/image.png", "val/{}/mask.png")},
        (),
        ("{split}/{name}/image.png", "{split}/{name}/mask.png"),
        {"train": "train", "val": "val"},
    ),
    "masks of all splits in one folder": (
        {"train": ("images/train/a{}.png", "masks/a{}.png"), "val": ("images/val/b{}.png", "masks/b{}.png")},
        (),
        ("images/{split}/{name}.png", "masks/{name}.png"),
        {"train": "train", "val": "val"},
    ),
    "images of all splits in one folder": (
        {"train": ("images/a{}.png", "masks/train/a{}.png"), "val": ("images/b{}.png", "masks/val/b{}.png")},
        (),
        ("images/{name}.png", "masks/{split}/{name}.png"),
        {"train": "train", "val": "val"},
    ),
    "folders that differ in two parts of their paths": (
        {
            "train": ("rgb/fog/train/G1/{}_rgb.png", "gt/fog/train/G1/{}_ids.png"),
            "train2": ("rgb/rain/train/G2/{}_rgb.png", "gt/rain/train/G2/{}_ids.png"),
            "val": ("rgb/fog/val/G3/{}_rgb.png", "gt/fog/val/G3/{}_ids.png"),
        },
        (),
        ("rgb/{folder}/{split}/{folder_2}/{name}_rgb.png", "gt/{folder}/{split}/{folder_2}/{name}_ids.png"),
        {"train": "train", "val": "val"},
    ),
    "the word of a split in names of all splits": (
        {
            "train": ("images/train/a{}.png", "labels/train/a{}_train_id.png"),
            "val": ("images/val/b{}.png", "labels/val/b{}_train_id.png"),
        },
        ("colours/train/a{}_train_colour.png", "colours/val/b{}_train_colour.png"),
        ("images/{split}/{name}.png", "labels/{split}/{name}_train_id.png"),
        {"train": "train", "val": "val"},
    ),
}


@pytest.mark.parametrize("case", LAYOUTS)
def test_splits_and_masks_of_published_layouts_are_told_apart(case: str, tmp_path: Path) -> None:
    made, besides, templates, spelled = LAYOUTS[case]
    splits = dict[Path, str]()
    for number, (split, texts) in enumerate(made.items()):
        for i in range(6):
            image, mask = (tmp_path / text.format(10 + i) for text in texts)
            save(photo(10 * number + i, 24, 24), image)
            save(labels(10 * number + i, [0, 1], 24, 24).astype(np.uint8) * 255, mask)
            splits[image] = "test" if split in "AB" and split else split.rstrip("2")
            view = np.zeros((24, 24), np.uint8)
            view[2:22, 2:22] = 255
            for text in besides:
                save(view, tmp_path / text.format(10 + i))
    layout = guess_layout(tmp_path)
    assert layout is not None
    assert ((layout.images, layout.masks), layout.spelled) == (templates, spelled)
    found = {image: layout.spelled.get(word, "") for (word, _), (image, _) in layout.pairs.items()}
    assert found == splits
    for word in layout.spelled or [""]:
        read = Template(layout.masks, "masks").find(tmp_path, word)
        drawn = {file.path for file in read.values()}
        images = Template(layout.images, "images").find(tmp_path, word, drawn)
        pairs = {(file.path, read[key].path) for key, file in images.items() if key in read}
        assert pairs == {pair for (split, _), pair in layout.pairs.items() if split == word}


@pytest.mark.parametrize(
    ("images", "masks", "other", "size"),
    [
        ("photos", "z", "inst", 24),  # what the names of folders tell against
        ("photos", "mask", "a", 24),  # and for
        ("rgb", "masks", "depth", 0),
        ("img", "masks", "a", 0),
        ("z", "masks", "overlay", 0),
        ("photos", "z", "a", 12),  # masks of half the size
    ],
)
def test_of_two_folders_the_likelier_is_taken(images: str, masks: str, other: str, size: int, tmp_path: Path) -> None:
    """The other one comes first in the alphabet: of equals, it would be taken."""
    for i in range(4):
        save(photo(i, 24, 24), tmp_path / images / f"{i}.png")
        save(labels(i, [0, 1, 2], 24, 24).astype(np.uint8), tmp_path / masks / f"{i}.png")
        beside = labels(9 + i, [0, 1, 2], size, size).astype(np.uint8) if size else photo(9 + i, 24, 24)
        save(beside, tmp_path / other / f"{i}.png")
    layout = guess_layout(tmp_path)
    assert layout is not None
    assert (layout.images, layout.masks) == (f"{images}/{{name}}.png", f"{masks}/{{name}}.png")


def test_masks_of_two_classes_are_no_images_of_each_other(tmp_path: Path) -> None:
    for i in range(4):
        for folder in ("first", "second"):
            save(labels(i + len(folder), [0, 1], 24, 24).astype(np.uint8), tmp_path / folder / f"{i}.png")
    assert guess_layout(tmp_path) is None


def test_masks_are_found_though_the_first_image_has_none(tmp_path: Path) -> None:
    for i in range(12):
        save(photo(i, 24, 24), tmp_path / "top" / f"area{i}.png")
        if i % 2:
            save(labels(i, [0, 1], 24, 24).astype(np.uint8), tmp_path / "gts" / f"area{i}.png")
    layout = guess_layout(tmp_path)
    assert layout is not None
    assert len(layout.pairs) == 6


def test_one_pair_among_many_files_is_no_data_set(tmp_path: Path) -> None:
    for i in range(12):
        save(photo(i, 24, 24), tmp_path / f"{i:02}" / "images" / f"{i:02}.png")
        save(labels(i, [0, 1], 24, 24).astype(np.uint8), tmp_path / f"{i:02}" / "masks" / f"x{i + 60}.png")
    save(labels(0, [0, 1], 24, 24).astype(np.uint8), tmp_path / "00" / "masks" / "00.png")
    assert guess_layout(tmp_path) is None
