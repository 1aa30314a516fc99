"""Lists of a split: text, CSV and JSON lines name the same images."""

import json
from pathlib import Path

import pytest
from conftest import Command
from data.made import SPLITS, folder, make, same, words

from fcnlab.error import UserError

SPLIT_OF = [(i, split) for split, some in SPLITS.items() for i in some]
TOLD = [(split, f"images/photo_{i}.png", f"masks/photo_{i}.png") for split, some in SPLITS.items() for i in some]


def csv(root: Path, columns: str, rows: list[tuple[str, ...]], name: str) -> None:
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text("\n".join([columns, *(",".join(row) for row in rows)]) + "\n")


def by_split(root: Path) -> None:
    for split in SPLITS:
        csv(root, "Image,Mask", [row[1:] for row in TOLD if row[0] == split], f"lists/{split}.csv")


def json_lines(root: Path) -> None:
    (root / "lists").mkdir()
    for split in SPLITS:
        rows = [{"image": image, "mask": mask} for of, image, mask in TOLD if of == split]
        (root / "lists" / f"{split}.jsonl").write_text("\n".join(map(json.dumps, rows)))


def names_only(root: Path) -> None:
    csv(root, "split,name", [(split, Path(image).stem) for split, image, _ in TOLD], "all.csv")


def text(root: Path, line: str, suffix: str = "txt") -> None:
    """Every image as ``line`` has it, with {} for its number."""
    (root / "lists").mkdir()
    for split, some in SPLITS.items():
        lines = [line.replace("{}", str(i)) for i in some]
        (root / "lists" / f"{split}.{suffix}").write_text("\n".join(lines) + "\n")


WORDS = {"train": "TRAIN", "val": "valid", "test": "testing"}  # what people write for the splits
LISTS = {
    "a CSV without a header": (lambda r: text(r, "images/photo_{}.png,masks/photo_{}.png", "csv"), "lists"),
    "a CSV with names alone": (
        lambda r: csv(r, "ImageId,set", [(f"photo_{i}", split) for i, split in SPLIT_OF], "all.csv"),
        "all.csv",
    ),
    "semicolons": (lambda r: text(r, "images/photo_{}.png ; masks/photo_{}.png"), "lists"),
    "commas": (lambda r: text(r, "images/photo_{}.png,masks/photo_{}.png"), "lists"),
    "other words for columns and splits": (
        lambda r: csv(r, "Image_Path,maskPath,Subset", [(*row[1:], WORDS[row[0]]) for row in TOLD], "all.csv"),
        "all.csv",
    ),
    "rgb and gt": (lambda r: csv(r, "split,rgb,gt", TOLD, "all.csv"), "all.csv"),
    "input and target, which comes first": (
        lambda r: csv(r, "target_file_name,input,split", [(m, i, s) for s, i, m in TOLD], "all.csv"),
        "all.csv",
    ),
    "a CSV per split": (by_split, "lists"),
    "JSON lines per split": (json_lines, "lists"),
    "one CSV with a column split": (lambda r: csv(r, "split, image, mask", TOLD, "all.csv"), "all.csv"),
    "names and splits": (names_only, "all.csv"),
    "a path with the split": (by_split, "'lists/{split}.csv'"),
}


@pytest.mark.parametrize("case", LISTS)
def test_a_list_is_followed(case: str, tmp_path: Path) -> None:
    write, typed = LISTS[case]
    write(make(tmp_path, lists=False))
    data = folder(tmp_path, f"data.lists={typed}", lists=False)
    assert same(data)
    assert [name[-1] for split in SPLITS for name in data.names(split)] == list("01234567")


def test_a_list_may_give_masks_that_no_template_finds(tmp_path: Path) -> None:
    make(tmp_path, mask_name="masks/drawn_{}.png", lists=False)
    rows = [(split, image, mask.replace("photo", "drawn")) for split, image, mask in TOLD]
    csv(tmp_path, "split,image,mask", rows, "all.csv")
    assert same(folder(tmp_path, "data.lists=all.csv", lists=False))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("b/{}", ""),
        ("b/images/{}.png", ""),
        ("b_{}", ""),
        ("/home/kim/set/b/images/{}.png /home/kim/set/b/masks/{}.png", ""),
        ("{}", "names photo_0, but that is 2 images"),
        ("c/{}", "names c/photo_0, but that is 2 images"),
    ],
)
def test_folders_before_a_listed_name_tell_images_of_one_name_apart(line: str, told: str, tmp_path: Path) -> None:
    for site in ("a", "b", "z"):
        make(tmp_path, image_name=f"{site}/images/photo_{{}}.png", mask_name=f"{site}/masks/photo_{{}}.png")
    for path in (tmp_path / "z").glob("*/photo_0.png"):
        path.unlink()
    for path in (tmp_path / "lists").iterdir():
        path.write_text("".join(f"{line.replace('{}', name)}\n" for name in path.read_text().split()))
    where = ("data.images='{site}/images/{name}.png'", "data.masks='{site}/masks/{name}.png'")
    data = folder(tmp_path, *where)
    if told:
        with pytest.raises(UserError, match=told):
            data.names("train")
        return
    files = [path for split in SPLITS for pair in data.checked_pairs(split) for path in (pair.image, pair.mask)]
    assert {path.relative_to(tmp_path).parts[0] for path in files} == {"b"}


def test_a_folder_that_a_list_names_and_no_template_finds_is_told(tmp_path: Path, command: Command) -> None:
    make(tmp_path)
    (tmp_path / "lists" / "val.txt").write_text("nowhere/photo_4\nnowhere/photo_5\n")
    outcome = command("survey", *words(tmp_path))
    assert outcome.code == 0
    assert outcome.text.count("names nowhere/photo_4, but no folder nowhere is read") == 1
    assert "nowhere/photo_5" not in outcome.text


def test_the_only_image_of_a_name_is_not_taken_for_that_of_another_folder(tmp_path: Path) -> None:
    make(tmp_path, image_name="a/images/photo_{}.png", mask_name="a/masks/photo_{}.png")
    (tmp_path / "lists" / "train.txt").write_text("b/photo_0\n")
    (tmp_path / "lists" / "val.txt").write_text("images/photo_4.png\n")
    data = folder(tmp_path, "data.images='{site}/images/{name}.png'", "data.masks='{site}/masks/{name}.png'")
    assert data.pairs("val")[0].image.is_file()
    with pytest.raises(UserError, match="names b/photo_0, but that is 1 image: .*a/images/photo_0.png. Write which"):
        data.names("train")


def test_a_mask_of_another_name_is_not_that_of_a_path_elsewhere(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "lists" / "val.txt").write_text("/mnt/images/photo_4.png /mnt/masks/photo_5.png\n")
    with pytest.raises(UserError, match="The mask /mnt/masks/photo_5.png of split 'val' is missing"):
        folder(tmp_path).checked_pairs("val")


def test_a_list_may_write_names_as_files_have_them(tmp_path: Path) -> None:
    make(tmp_path, image_name="images/photo_{}_sat.png", mask_name="masks/photo_{}_gt.png")
    for path in (tmp_path / "lists").iterdir():
        path.write_text("".join(f"images/{name}_sat.png\n" for name in path.read_text().split()))
    assert same(folder(tmp_path, "data.images='images/{name}_sat.*'", "data.masks='masks/{name}_gt.*'"))


def test_one_list_of_all_splits_follows_their_words(tmp_path: Path) -> None:
    make(tmp_path, lists=False)
    csv(tmp_path, "split,image,mask", [row for row in TOLD if row[0] != "test"], "all.csv")
    data = folder(tmp_path, "data.lists=all.csv", "data.splits={test: val, val: train}", lists=False)
    assert [pair.name for pair in data.pairs("test")] == ["photo_4", "photo_5"]


def test_paths_of_a_list_may_be_seen_from_another_folder(tmp_path: Path) -> None:
    root = make(tmp_path / "set" / "v1")
    for path in (root / "lists").iterdir():
        names = path.read_text().split()
        path.with_suffix(".lst").write_text("".join(f"v1/images/{one}.png v1/masks/{one}.png\n" for one in names))
        path.unlink()
    assert same(folder(root))


WRONG = {
    "split,picture\ntrain,photo_0\n": "has a row without a name",
    "split,image,mask\ntrain,images/photo_99.png,masks/photo_0.png\n": "photo_99.png of split 'train' is missing",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_list_that_names_nothing_is_refused(text: str, tmp_path: Path) -> None:
    make(tmp_path, lists=False)
    (tmp_path / "all.csv").write_text(text)
    with pytest.raises(UserError) as told:
        folder(tmp_path, "data.lists=all.csv", lists=False).names("train")
    assert WRONG[text] in str(told.value)


def test_broken_json_and_two_lists_of_a_split_are_refused(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "lists" / "train.csv").write_text("name\nphoto_0\n")
    with pytest.raises(UserError, match="holds train.txt and train.csv"):
        folder(tmp_path).names("train")
    (tmp_path / "all.jsonl").write_text('{"name": "photo_0"}\n{"name"\n')
    with pytest.raises(UserError, match="all.jsonl, line 2, is no JSON"):
        folder(tmp_path, "data.lists=all.jsonl", lists=False).names("train")
