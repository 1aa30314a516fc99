"""A guess at a folder is a data set that trains, with the labels that the folder was made of."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import yaml
from conftest import Command
from data.scenes import NET, labels, photo, save

from fcnlab.cli.compose import build, compose
from fcnlab.data.guess import guess
from fcnlab.error import UserError

COLOURS = np.array([(0, 0, 0), (255, 0, 0), (0, 128, 64)], np.uint8)


def beside(root: Path) -> None:
    """NAME.jpg and NAME_mask.png in one folder, 0 and 255."""
    for i in range(12):
        save(photo(i), root / f"scene {i}.jpg")
        save(labels(i, [0, 255]).astype(np.uint8), root / f"scene {i}_mask.png")


def by_split(root: Path) -> None:
    """Folders of splits with other names, three labels and void."""
    for split, numbers in {"train": range(6), "valid": range(6, 9), "test": range(9, 12)}.items():
        for i in numbers:
            save(photo(i), root / split / "img" / f"{i:03}.png")
            save(labels(i, [0, 7, 9, 255]).astype(np.uint8), root / split / "gt" / f"{i:03}.png")


def in_colour(root: Path) -> None:
    """Masks in colour."""
    for i in range(12):
        save(photo(i), root / "JPEGImages" / f"a{i}.jpg")
        save(COLOURS[labels(i, [0, 1, 2])], root / "Masks" / f"a{i}.png")


Make = Callable[[Path], None]
CASES: dict[str, tuple[Make, dict[str, object], dict[str, object]]] = {
    "masks beside images": (
        beside,
        {"images": "{name}.jpg", "masks": "{name}_mask.png"},
        {"class_0": {"label": 0}, "class_1": {"label": 255}},
    ),
    "folders of splits": (
        by_split,
        {
            "images": "{split}/img/{name}.png",
            "masks": "{split}/gt/{name}.png",
            "splits": {"val": "valid"},
            "void_label": 255,
        },
        {"class_0": {"label": 0}, "class_1": {"label": 7}, "class_2": {"label": 9}},
    ),
    "masks in colour": (
        in_colour,
        {"images": "JPEGImages/{name}.jpg", "masks": "Masks/{name}.png", "colours": True},
        {"class_0": {"colour": "#000000"}, "class_1": {"colour": "#008040"}, "class_2": {"colour": "#ff0000"}},
    ),
}


def by_tile(root: Path) -> None:
    """The same names in every folder; masks in colour, some as palette files whose labels mean other colours each."""
    for i in range(12):
        tile, values = f"Tile {i // 3}", labels(i, [0, 1, 2])
        save(photo(i), root / "The set" / tile / "images" / f"part_{i % 3}.jpg")
        if i % 4:
            save(COLOURS[values], root / "The set" / tile / "masks" / f"part_{i % 3}.png")
        else:
            (root / "The set" / tile / "masks").mkdir(parents=True, exist_ok=True)
            turned = PIL.Image.fromarray(((values + i) % 3).astype(np.uint8))
            turned.putpalette(np.roll(COLOURS, i, axis=0).ravel().tolist())
            turned.save(root / "The set" / tile / "masks" / f"part_{i % 3}.png")
    (root / "The set" / "classes.json").write_text('{"classes": [{"title": "A", "color": "#50E3C2"}]}')


def as_people_call_it(root: Path) -> None:
    """Splits within names of folders, no test, colours off by up to 2 from class_dict.csv, one stray pixel."""
    (root / "notes").mkdir(parents=True)
    (root / "class_dict.csv").write_text("name,r,g,b,class_11\nfirst,0,0,0,1\nsecond,255,0,0,1\nVoid,0,128,64,0\n")
    for split, numbers in {"train": range(8), "val": range(8, 12)}.items():
        for i in numbers:
            save(photo(i), root / split / f"img_{i}.png")
            noise = np.random.default_rng(i).integers(-2, 3, (40, 48, 3))
            colours = (COLOURS[labels(i, [0, 1, 2])].astype(int) + noise).clip(0, 255).astype(np.uint8)
            colours[0, 0] = (0, 200, 200) if i == 3 else colours[0, 0]
            save(colours, root / f"{split}_labels" / f"img_{i}_L.png")


def both_have_tails(root: Path) -> None:
    """Images and masks are told apart at the end of their names; other files lie beside the masks."""
    for i in range(12):
        save(photo(i), root / "left" / f"town_{i:06}_left.png")
        save(labels(i, [0, 7, 9]).astype(np.uint8), root / "fine" / f"town_{i:06}_labelIds.png")
        save(labels(i, [0, 26001]).astype(np.uint16), root / "fine" / f"town_{i:06}_instanceIds.png")


def as_jpeg(root: Path) -> None:
    """Masks of two classes that were saved as JPEG."""
    for i in range(12):
        save(photo(i), root / "bag" / f"{i}.jpg")
        save(labels(i, [0, 255], 5, 6).astype(np.uint8).repeat(8, 0).repeat(8, 1), root / "bag_msk" / f"{i}.jpg")


def beside_predictions(root: Path) -> None:
    """Somebody's predictions lie beside the masks; a test without masks, with the names of training images."""
    for i in range(12):
        save(photo(i), root / "train" / "image" / f"{i}.png")
        save(labels(i, [0, 1]).astype(np.uint8), root / "train" / "label" / f"{i}.png")
        save(labels(-i, [0, 1]).astype(np.uint8), root / "train" / "predictions" / f"{i}.png")
        save(photo(50 + i), root / "test" / f"{i}.png")
    (root / "classes.txt").write_text("cell\nwall\n")


def as_torch_has_it(root: Path) -> None:
    """Arrays in which what counts nowhere is -1."""
    (root / "masks").mkdir(parents=True)
    for i in range(12):
        save(photo(i), root / "images" / f"{i}.jpg")
        np.save(root / "masks" / f"{i}.npy", labels(i, [-1, 0, 1, 2]))


READ: dict[str, tuple[Make, dict[str, object], Callable[[int], np.ndarray], str]] = {
    "tiles with one set of names": (
        by_tile,
        {"images": "The set/{folder}/images/{name}.jpg", "masks": "The set/{folder}/masks/{name}.png", "colours": True},
        lambda i: np.array([0, 2, 1])[labels(i, [0, 1, 2])],
        "The set/classes.json is of other masks: it has no #",
    ),
    "splits within names, colours off by 2": (
        as_people_call_it,
        {
            "images": "{split}/{name}.png",
            "masks": "{split}_labels/{name}_L.png",
            "splits": {"test": "val", "val": "train"},
            "classes": "class_dict.csv",
            "tolerance": 2,
            "void_label": "rest",
        },
        lambda i: np.array([0, 1, 255])[labels(i, [0, 1, 2])],
        "#00c8c8: in few pixels",
    ),
    "negative labels": (
        as_torch_has_it,
        {"masks": "masks/{name}.npy", "void_label": -1},
        lambda i: labels(i, [-1, 0, 1, 2]) & 255,
        "taken for void: 12 of 12",
    ),
    "tails on both sides": (
        both_have_tails,
        {"images": "left/{name}_left.png", "masks": "fine/{name}_labelIds.png"},
        lambda i: np.searchsorted([0, 7, 9], labels(i, [0, 7, 9])),
        "class_2: {label: 9}",
    ),
    "JPEG": (
        as_jpeg,
        {"images": "bag/{name}.jpg", "masks": "bag_msk/{name}.jpg", "threshold": 127},
        lambda i: (labels(i, [0, 255], 5, 6) > 0).repeat(8, 0).repeat(8, 1),
        "shades, nearly all black or white",
    ),
    "predictions beside the masks": (
        beside_predictions,
        {"images": "train/image/{name}.png", "masks": "train/label/{name}.png", "classes": "classes.txt"},
        lambda i: labels(i, [0, 1]),
        "",
    ),
}


@pytest.mark.parametrize("case", READ)
def test_what_people_bring_is_read_by_the_guess_pixel_by_pixel(case: str, tmp_path: Path, command: Command) -> None:
    make, settings, expected, part = READ[case]
    make(tmp_path / "set")
    outcome = command("survey", "data=folder", f"data.root={tmp_path / 'set'}", "write=own/data/mine.yaml")
    assert outcome.code == 0, outcome.text
    assert part in outcome.text
    written = yaml.safe_load(Path("own/data/mine.yaml").read_text())
    assert {key: written[key] for key in settings} == settings
    words = [f"hydra.searchpath=[file://{Path('own').resolve()}]", "data=mine"]
    data = build(compose("train", words).data)
    seen = list[int]()
    for split in ("train", "val", "test"):
        for place, name in enumerate(data.names(split)):
            folder, _, number = name.replace("town", "").replace("img", "").rpartition("_")
            index = int(number) + (3 * int(folder.split()[1][0]) if folder.startswith("Tile") else 0)
            mask = data.read(split, place)[1]
            stray = np.zeros(mask.shape, bool)
            stray[0, 0] = case.startswith("splits") and index == 3
            assert (mask == expected(index))[~stray].all()
            seen.append(index)
    assert sorted(seen) == list(range(12))


def test_a_guess_does_not_hide_a_data_set_of_fcnlab(tmp_path: Path, command: Command) -> None:
    beside(tmp_path / "set")
    outcome = command("survey", "data=folder", f"data.root={tmp_path / 'set'}", "write=own/data/labelme.yaml")
    assert outcome.code == 1
    assert "has the name of fcnlab's own data=labelme" in outcome.text


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_the_guess_reads_the_folder_and_trains(case: str, tmp_path: Path, command: Command) -> None:
    make, settings, classes = CASES[case]
    root = tmp_path / "somebody's data"
    make(root)
    outcome = command("survey", "data=folder", f'data.root="{root}"', "write=own/data/mine.yaml")
    assert outcome.code == 0, outcome.text
    written = yaml.safe_load(Path("own/data/mine.yaml").read_text())
    assert written["classes"] == classes
    assert {key: written[key] for key in settings} == settings
    assert "12 of 12, " in outcome.text
    net = [word for word in NET if word != "data.complete=false"]
    words = ("data=mine", "data.fractions={train: 0.4, val: 0.3, test: 0.3}", "data.batch_size=1", *net[:-1])
    outcome = command("train", "--config-dir", str(Path("own").resolve()), *words)
    assert outcome.code == 0, outcome.text


def test_what_is_no_data_set_is_told_and_nothing_is_overwritten(tmp_path: Path, command: Command) -> None:
    root = tmp_path / "photos"
    for i in range(3):
        save(photo(i), root / f"{i}.png")
    outcome = command("survey", "data=folder", f"data.root={root}", "write=mine.yaml")
    assert outcome.code == 1
    assert "no images with masks of the same names" in outcome.text
    for i in range(3):
        save(labels(i, [0, 1]).astype(np.uint8), root / f"{i}_mask.png")
    Path("mine.yaml").write_text("classes: [mine]")
    outcome = command("survey", "data=folder", f"data.root={root}", "write=mine.yaml")
    assert "mine.yaml is there already" in outcome.text
    assert Path("mine.yaml").read_text() == "classes: [mine]"


def test_values_that_number_objects_are_no_classes(tmp_path: Path) -> None:
    """Each mask has values of its own, as in COCO's panoptic PNGs; or so many as it has objects."""
    for i in range(12):
        save(photo(i), tmp_path / "panoptic" / "images" / f"{i}.png")
        colours = np.random.default_rng(i).integers(0, 256, (4, 3)).astype(np.uint8)
        save(colours[labels(i, [0, 1, 2, 3])], tmp_path / "panoptic" / "masks" / f"{i}.png")
        save(photo(i), tmp_path / "counted" / "images" / f"{i}.png")
        save(labels(i, [*range(2 + i)]).astype(np.uint8), tmp_path / "counted" / "masks" / f"{i}.png")
    with pytest.raises(
        UserError, match="12 masks hold 48 values, of which 48 are in one mask alone: they seem to number"
    ):
        guess(tmp_path / "panoptic")
    assert "# Each is in no more masks than the one before: look whether they count objects" in guess(
        tmp_path / "counted"
    )
