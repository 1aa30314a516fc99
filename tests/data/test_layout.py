"""A table of made-up folders, one per layout: files are found as templates say, or what lies there is shown."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from conftest import Command
from data.made import SPLITS, folder, make, save, truth, words

from fcnlab.data.layout import Template, suggestion
from fcnlab.error import UserError

HANGUL = "나의 사진"
BY_SPLIT = ["data.images='{split}/img/{name}.png'", "data.masks='{split}/gt/{name}_mask.png'"]


def nest(root: Path) -> None:
    make(root, image_name="{split}/img/photo_{}.png", mask_name="{split}/gt/photo_{}_mask.png", lists=False)


def by_city(root: Path) -> None:
    make(root, image_name="left/{split}/x/photo_{}_left.png", mask_name="fine/{split}/x/photo_{}_ids.png", lists=False)
    for kind in ("fine", "left"):
        (root / kind / "val").rename(root / kind / "validation")


def twins(root: Path) -> None:
    make(root, lists=False)
    for path in [*root.glob("*/photo_*.png")]:
        path.with_name(f"._{path.name}").write_bytes(b"\0\5\x16\7" + bytes(4092))
        (path.parent / ".DS_Store").write_bytes(b"no image")


def deep(root: Path) -> None:
    make(root, image_name="a/b/{}/photo_{}.png".replace("{}", "c", 1), mask_name="m/photo_{}.png")


def sites(root: Path) -> None:
    make(root, image_name="one/img/photo_{}.png", mask_name="one/gt/photo_{}.png", lists=False)
    for kind in ("img", "gt"):
        (root / "two" / kind).mkdir(parents=True)
        for index in range(4, 8):
            (root / "one" / kind / f"photo_{index}.png").rename(root / "two" / kind / f"photo_{index}.png")


ANY = "data.fractions={train: 0.4, val: 0.3, test: 0.3}"
FOUND = {
    "NAME_mask.png": (lambda r: make(r, mask_name="masks/photo_{}_mask.png"), ["data.masks='masks/{name}_mask.png'"]),
    "NAME.jpg.png": (
        lambda r: make(r, image_name="images/photo_{}.jpg", mask_name="masks/photo_{}.jpg.png"),
        ["data.images='images/{name}.jpg'", "data.masks='masks/{name}.jpg.png'"],
    ),
    "a folder per split": (nest, BY_SPLIT),
    "fields of one's own, folders with names of their own": (
        by_city,
        [
            "data.images='left/{split}/{city}/{name}_left.png'",
            "data.masks='fine/{split}/{city}/{name}_ids.png'",
            "data.splits={val: validation}",
        ],
    ),
    "hidden twins of macOS": (twins, [ANY]),
    "any depth": (deep, ["data.images='a/**/{name}.png'", "data.masks='m/{name}.*'", "data.lists=lists"]),
    "any depth, with links that lead back": (
        lambda r: (deep(r), (r / "a/b/up").symlink_to(r / "a"), (r / "a/again").symlink_to(r / "a/b")),
        ["data.images='a/**/{name}.png'", "data.masks='m/{name}.*'", "data.lists=lists"],
    ),
    "a wildcard": (deep, ["data.images='a/*/?/{name}.png'", "data.masks='m/{name}.*'", "data.lists=lists"]),
    "two roots": (
        sites,
        [
            "data.images=['one/img/{name}.*','two/img/{name}.*']",
            "data.masks=['one/gt/{name}.*','two/gt/{name}.*']",
            ANY,
        ],
    ),
    "a field that tells the root": (
        sites,
        ["data.images='{site}/img/{name}.*'", "data.masks='{site}/gt/{name}.*'", ANY],
    ),
    "brackets in a path": (lambda r: make(r, image_name="im [old]/photo_{}.png"), ["data.images='i? [old]/{name}.*'"]),
}


@pytest.mark.parametrize("case", FOUND)
def test_every_image_is_read_with_its_own_mask(case: str, tmp_path: Path) -> None:
    how, typed = FOUND[case]
    root = tmp_path / "[my] data"
    how(root)
    lists = (root / "lists").is_dir() and not any(word.startswith("data.lists") for word in typed)
    data = folder(root, *typed, lists=lists)
    names = {split: list(data.names(split)) for split in SPLITS}
    assert sorted(name[-1] for some in names.values() for name in some) == list("01234567")
    for split, some in names.items():
        for place, name in enumerate(some):
            assert (data.read(split, place)[1] == truth(int(name[-1]))).all()
    if "{split}" in " ".join(typed) or lists:
        assert {split: [int(name[-1]) for name in some] for split, some in names.items()} == {
            split: list(places) for split, places in SPLITS.items()
        }


@pytest.mark.parametrize("image", ["NFC", "NFD"])
@pytest.mark.parametrize("mask", ["NFC", "NFD"])
@pytest.mark.parametrize("line", ["NFC", "NFD"])
def test_a_name_is_one_name_in_both_of_unicodes_spellings(image: str, mask: str, line: str, tmp_path: Path) -> None:
    make(tmp_path)
    for kind, form in (("images", image), ("masks", mask)):
        (tmp_path / kind / "photo_0.png").rename(tmp_path / kind / f"{unicodedata.normalize(form, HANGUL)}.png")
    (tmp_path / "lists" / "train.txt").write_text(f"{unicodedata.normalize(line, HANGUL)}\nphoto_1\n")
    data = folder(tmp_path)
    assert list(data.names("train")) == [HANGUL, "photo_1"]
    assert (data.read("train", 0)[1] == truth(0)).all()


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_folders_and_words_of_a_template_are_the_same_in_both_of_unicodes_spellings(form: str, tmp_path: Path) -> None:
    make(tmp_path, image_name=unicodedata.normalize(form, "이미지/사진_photo_{}.png"), lists=False)
    other = unicodedata.normalize("NFD" if form == "NFC" else "NFC", "이미지/사진_{name}.*")
    data = folder(tmp_path, f"data.images='{other}'", ANY, lists=False)
    names = [(split, index, name) for split in SPLITS for index, name in enumerate(data.names(split))]
    assert sorted(name for _, _, name in names) == [f"photo_{i}" for i in range(8)]
    for split, index, name in names:
        assert (data.read(split, index)[1] == truth(int(name[-1]))).all()


TOLD = {
    "masks with a suffix": (
        lambda r: make(r, mask_name="masks/photo_{}_mask.png"),
        [],
        [
            "No image has a mask",
            "finds the names photo_0, photo_1, photo_2, ...",
            "photo_0_mask.png, photo_1_mask.png, photo_2_mask.png, ...",
            "Type data.masks='masks/{name}_mask.png'",
        ],
    ),
    "masks that are no images": (
        lambda r: (make(r), [path.rename(path.with_suffix(".svg")) for path in (r / "masks").iterdir()]),
        [],
        ["No file fits data.masks=masks/{name}.*", "masks holds photo_0.svg, photo_1.svg, photo_2.svg, ..."],
    ),
    "a template without a name": (make, ["data.masks='masks/*.png'"], ["data.masks=masks/*.png has no {name}"]),
    "templates that tell different things": (
        make,
        ["data.masks='{site}/{name}.png'"],
        ["tell different things of an image: site"],
    ),
    "fewer masks than images": (make, ["data.images=['a/{name}.*','b/{name}.*']"], ["2 templates, data.masks 1"]),
    "one name in two roots": (
        lambda r: (make(r), make(r, image_name="more/photo_{}.png")),
        ["data.images=['images/{name}.*','more/{name}.*']", "data.masks=['masks/{name}.*','masks/{name}.*']"],
        ["have one name, photo_0. Tell them apart by a field"],
    ),
    "two suffixes": (
        lambda r: (make(r), save(r / "masks" / "photo_0.bmp", truth(0))),
        [],
        ["masks holds photo_0.bmp and photo_0.png: which of them is meant by photo_0"],
    ),
}


@pytest.mark.parametrize("case", TOLD)
def test_what_does_not_fit_is_shown(case: str, tmp_path: Path, command: Command) -> None:
    how, typed, parts = TOLD[case]
    how(tmp_path / "data")
    outcome = command("survey", *words(tmp_path / "data", *typed))
    assert outcome.code == 1
    for part in parts:
        assert part in outcome.text
    assert "Traceback" not in outcome.text


@pytest.mark.parametrize("image", ["photo_0.heic", "photo_0.gif", "other.png"])
def test_masks_of_which_no_image_is_read_are_told(image: str, tmp_path: Path, command: Command) -> None:
    root = make(tmp_path / "data", lists=False)
    (root / "images" / "photo_0.png").rename(root / "images" / image)
    if image == "other.png":
        (root / "masks" / "photo_0.png").rename(root / "masks" / "another.png")
        save(root / "masks" / "other.png", truth(0))
    text = " ".join(command("survey", *words(root, ANY, lists=False)).text.split())
    left = "another.png" if image == "other.png" else "photo_0.png"
    assert text.count("1 masks of data.masks=masks/{name}.* have no image of data.images=images/{name}.* and") == 1
    assert f"are left out: {left}. Images are read from .png, .jpg," in text


def test_a_template_may_lie_anywhere(tmp_path: Path) -> None:
    make(tmp_path / "masks here")
    make(tmp_path / "images there")
    typed = f"data.images='{tmp_path}/images there/images/{{name}}.*'"
    data = folder(tmp_path / "masks here", typed)
    assert data.listed_pairs("train")[0].image == tmp_path / "images there" / "images" / "photo_0.png"


def test_a_field_stands_for_one_text_throughout(tmp_path: Path) -> None:
    for name in ("a/a.png", "a/b.png", "b/b.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        save(tmp_path / name, np.zeros((2, 2), np.uint8))
    assert [found.name for found in Template("{name}/{name}.png", "images").find(tmp_path).values()] == ["a", "b"]


def test_a_suggestion_is_the_shortest_name_that_holds_the_images() -> None:
    assert suggestion("photo_1", ["photo_10_mask.png", "photo_1_mask.png"]) == "{name}_mask.png"
    assert suggestion("photo_1", ["other.png"]) is None


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    make(tmp_path)
    with pytest.raises(UserError, match="There is no folder .*gt. Expected .*gt/NAME.png"):
        folder(tmp_path, "data.masks='gt/{name}.*'").names("train")
