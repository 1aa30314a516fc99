"""Folders as tools export them and data sets are published, made up small: a guess reads them, or tells why not."""

import json
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import yaml
from conftest import Command
from data.made import COLOURS, palette_png, photo, truth

from fcnlab.cli.compose import build, compose

# pycocotools 2.0.11 with numpy 2, by itself.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")
NUMBERS = range(16)
CATEGORIES = [{"id": 1, "name": "leaf"}, {"id": 2, "name": "stem"}]
Made = dict[str, np.ndarray]  # the expected classes by the image's path
Make = Callable[[Path], Made]


def put(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, values)
    else:
        PIL.Image.fromarray(values).save(path)


def pairs(
    root: Path,
    image: str,
    mask: str,
    values: Sequence[int] = (0, 1, 2),
    numbers: Iterable[int] = NUMBERS,
    draw: Callable[[np.ndarray], np.ndarray] = lambda labels: labels,
) -> Made:
    """Images and masks under names with {}; class n is drawn as ``values[n]``, then by ``draw``."""
    made = Made()
    for i in numbers:
        labels = truth(i, len(values))
        put(root / image.format(i), photo(i))
        put(root / mask.format(i), draw(np.array(values, np.uint8)[labels]))
        made[image.format(i)] = labels
    return made


def in_colour(labels: np.ndarray) -> np.ndarray:
    return COLOURS[labels]


def in_three_channels(labels: np.ndarray) -> np.ndarray:
    return labels[..., None].repeat(3, 2)


def text(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def mask_comes_first(root: Path) -> Made:
    for i in range(3):
        put(root / "test" / f"{900 + i}_sat.jpg", photo(90 + i))
    text(root / "class_dict.csv", "name,r,g,b\nsoil,0,0,0\nleaf,200,30,30\nstem,30,200,30\n")
    return pairs(root, "train/{}_sat.jpg", "train/{}_mask.png", draw=in_colour)


def linked(root: Path) -> Made:
    made = pairs(root.with_name("elsewhere"), "images/{}.png", "masks/{}.png")
    root.mkdir()
    for folder in ("images", "masks"):
        (root / folder).symlink_to(root.with_name("elsewhere") / folder)
    (root / "again").symlink_to(root)
    return made


def in_parts(root: Path) -> Made:
    """As an archive of macOS unpacks on Linux: folder and names of the images in NFD, those of the masks in NFC."""
    folder, name = (unicodedata.normalize("NFD", text) for text in ("원본", "사진"))
    return pairs(root, f"{folder}/{name} {{}}.png", "정답/사진 {}_라벨.png")


def voc(root: Path) -> Made:
    """Lists name the few images that have masks; object masks lie beside the class masks."""
    for number in range(100, 120):
        put(root / "JPEGImages" / f"{number}.jpg", photo(number))
    for i in NUMBERS:
        put(root / "SegmentationObject" / f"{i}.png", truth(i + 50, 4))
    lists = {"train": range(9), "val": range(9, 16), "trainval": NUMBERS}
    for name, numbers in lists.items():
        text(root / "ImageSets" / "Segmentation" / f"{name}.txt", "".join(f"{i}\n" for i in numbers))
    return pairs(root, "JPEGImages/{}.jpg", "SegmentationClass/{}.png")


def pets(root: Path) -> Made:
    """Lists with columns behind the names, no list of val; macOS' hidden files between the masks."""
    for name, numbers in {"trainval": range(10), "test": range(10, 16)}.items():
        text(root / "annotations" / f"{name}.txt", "".join(f"cat_{i} 1 1 1\n" for i in numbers))
    text(root / "annotations" / "trimaps" / "._cat_1.png", "")
    return pairs(root, "images/cat_{}.jpg", "annotations/trimaps/cat_{}.png", (1, 2, 3))


def partly(root: Path) -> Made:
    for number in range(100, 104):
        put(root / "images" / f"{number}.png", photo(number))
    return pairs(root, "images/{}.png", "masks/{}.png")


def many_labels(root: Path) -> Made:
    """5 labels of each mask, 80 in all."""
    made = Made()
    for i in NUMBERS:
        labels = truth(i, 5) + 5 * np.uint8(i)
        put(root / "images" / f"{i}.png", photo(i))
        put(root / "masks" / f"{i}.png", labels)
        made[f"images/{i}.png"] = labels
    return made


def smooth_edges(root: Path) -> Made:
    """A disc that was made smaller: shades of grey around it, in few values."""
    made = Made()
    for i in NUMBERS:
        y, x = np.mgrid[:120, :140]
        disc = PIL.Image.fromarray((((y - 60) ** 2 + (x - 60 - i) ** 2 < 1500) * 255).astype(np.uint8))
        small = np.asarray(disc.resize((14, 12), PIL.Image.Resampling.BOX)) // 16 * 17
        put(root / "images" / f"{i}.png", photo(i))
        put(root / "masks" / f"{i}.png", small.astype(np.uint8))
        made[f"images/{i}.png"] = small > 127
    return made


def cvat(root: Path) -> Made:
    text(root / "labelmap.txt", "# label:color_rgb:parts:actions\nsoil:0,0,0::\nleaf:200,30,30::\nstem:30,200,30::\n")
    text(root / "ImageSets" / "Segmentation" / "default.txt", "".join(f"{i}\n" for i in NUMBERS))
    return pairs(root, "JPEGImages/{}.jpg", "SegmentationClass/{}.png", draw=in_colour)


def roboflow(root: Path) -> Made:
    made = Made()
    for split, numbers in {"train": range(8), "valid": range(8, 12), "test": range(12, 16)}.items():
        names = (f"{split}/a{{}}_jpg.rf.0f{split}.jpg", f"{split}/a{{}}_jpg.rf.0f{split}_mask.png")
        made |= pairs(root, *names, (0, 2, 1), numbers)
        text(root / split / "_classes.csv", "Pixel Value, Class\n0, soil\n2, leaf\n1, stem\n")
    return made


def with_file(make: Make, name: str, content: str) -> Make:
    def made(root: Path) -> Made:
        text(root / name, content)
        return make(root)

    return made


def nested(root: Path) -> Made:
    """A word of splits in a folder that holds the splits."""
    return {
        name: labels
        for split, numbers in {"train": range(8), "val": range(8, 12), "test": range(12, 16)}.items()
        for name, labels in pairs(
            root, f"training_set/{split}/img/{{}}.png", f"training_set/{split}/gt/{{}}.png", numbers=numbers
        ).items()
    }


def coco(
    root: Path,
    written: str = "{}.png",
    file: str = "all.json",
    names: str = "images/{}.png",
    categories: Sequence[dict[str, object]] = CATEGORIES,
) -> Made:
    """Boxes of 2x2 pixels, as polygons; ``written`` is what the annotations call the files."""
    made = Made()
    content: dict[str, list[dict[str, object]]] = {"images": [], "annotations": [], "categories": [*categories]}
    for i in NUMBERS:
        labels = truth(i)
        put(root / names.format(i), photo(i))
        made[names.format(i)] = labels
        content["images"].append({"id": i, "file_name": written.format(i), "height": 12, "width": 14})
        for y in range(0, 12, 2):
            for x in range(0, 14, 2):
                box = [x, y, x + 2, y, x + 2, y + 2, x, y + 2]
                one = {"id": len(content["annotations"]) + 1, "image_id": i, "category_id": int(labels[y, x])}
                content["annotations"] += [{**one, "segmentation": [box], "iscrowd": 0}] if labels[y, x] else []
    text(root / file, json.dumps(content))
    return made


def coco_beside_keypoints(root: Path) -> Made:
    made = coco(root, file="annotations/instances_train2017.json", names="train2017/{}.png")
    content = json.loads((root / "annotations" / "instances_train2017.json").read_text())
    content["annotations"] = content["annotations"][:3]
    text(root / "annotations" / "person_keypoints_train2017.json", json.dumps(content))
    return made


def coco_of_two_suffixes(root: Path) -> Made:
    """0.png and 0.jpg are two images."""
    made = coco(root)
    content = json.loads((root / "all.json").read_text())
    for i in (1, 3, 5, 7):
        (root / "images" / f"{i}.png").rename(root / "images" / f"{i - 1}.jpg")
        content["images"][i]["file_name"] = f"{i - 1}.jpg"
        made[f"images/{i - 1}.jpg"] = made.pop(f"images/{i}.png")
    text(root / "all.json", json.dumps(content))
    return made


READ: dict[str, tuple[Make, dict[str, object]]] = {
    "one name, two suffixes": (
        lambda r: pairs(r, "{}.jpg", "{}.png", (0, 255)),
        {"images": "{name}.jpg", "masks": "{name}.png"},
    ),
    "one name, suffixes in capitals": (
        lambda r: pairs(r, "{}.JPG", "{}.png", numbers=range(8)) | pairs(r, "{}.jpg", "{}.png", numbers=range(8, 16)),
        {"images": "{name}.*", "masks": "{name}.png"},
    ),
    "a mask is the first file": (mask_comes_first, {"images": "train/{name}_sat.jpg", "classes": "class_dict.csv"}),
    "GIF masks": (lambda r: pairs(r, "train/{}.jpg", "train_masks/{}_mask.gif", (0, 1)), {}),
    "numpy masks": (lambda r: pairs(r, "JPEGImages/{}.jpg", "SegmentationClass/{}.npy"), {}),
    "links": (linked, {"images": "images/{name}.png"}),
    "braces in a folder": (lambda r: pairs(r, "{{a}} 1/{}.png", "b, [2]/{}.png"), {"images": "?a? 1/{name}.png"}),
    "Hangul in parts": (in_parts, {"masks": "정답/{name}_라벨.png"}),
    "grey in three channels": (
        lambda r: pairs(r, "images/{}.png", "masks/{}.png", (0, 7, 9), draw=in_three_channels),
        {},
    ),
    "black and white in a table": (
        with_file(
            lambda r: pairs(r, "images/{}.png", "masks/{}.png", (0, 255), draw=in_three_channels),
            "class_dict.csv",
            "name,r,g,b\nroad,255,255,255\nvoid,1,2,3\n",
        ),
        {"classes": {"class_0": {"label": 0}, "class_1": {"label": 255}}},
    ),
    "VOC's lists": (voc, {"lists": "ImageSets/Segmentation", "splits": {"test": "val", "val": "train"}}),
    "lists with columns": (pets, {"lists": "annotations", "splits": {"train": "trainval", "val": "trainval"}}),
    "not all images have masks": (partly, {"unmasked": "skip"}),
    "80 labels": (many_labels, {}),
    "smooth edges": (smooth_edges, {"threshold": 127}),
    "CVAT's labelmap.txt": (cvat, {"classes": "labelmap.txt", "colours": True}),
    "Roboflow's masks": (roboflow, {"splits": {"val": "valid"}}),
    "numbers with holes": (
        with_file(
            lambda r: pairs(r, "images/{}.png", "masks/{}.png", (0, 1, 13)), "labels.txt", "0: soil\n1: leaf\n13: stem"
        ),
        {"classes": "labels.txt"},
    ),
    "a table that counts from 1": (
        with_file(
            lambda r: pairs(r, "images/{}.png", "masks/{}.png"), "class_info.csv", "Idx,Name\n1,wall\n2,sky\n3,floor\n"
        ),
        {"classes": {f"class_{i}": {"label": i} for i in range(3)}},
    ),
    "a split's word above the splits": (nested, {"images": "training_set/{split}/img/{name}.png"}),
    "COCO with Windows' paths": (lambda r: coco(r, "images\\{}.png"), {"annotations": {"train": "all.json"}}),
    "COCO with paths of another machine": (lambda r: coco(r, "/home/kim/set/{}.png"), {}),
    "COCO in NFC, files in NFD": (
        lambda r: coco(r, "사진 {}.png", names=unicodedata.normalize("NFD", "images/사진 {}.png")),
        {},
    ),
    "COCO with a category twice": (lambda r: coco(r, categories=[{"id": 0, "name": "leaf"}, *CATEGORIES]), {}),
    "COCO beside key points": (
        coco_beside_keypoints,
        {"annotations": {"train": "annotations/instances_train2017.json"}},
    ),
    "COCO's validation images alone": (
        lambda r: coco(r, file="annotations/instances_val2017.json", names="val2017/{}.png"),
        {"images": {"train": "val2017"}},
    ),
    "COCO with 0.png and 0.jpg": (coco_of_two_suffixes, {}),
}


@pytest.mark.parametrize("case", READ)
def test_the_guess_reads_what_was_exported(case: str, tmp_path: Path, command: Command) -> None:
    make, settings = READ[case]
    expected = make(tmp_path / "set")
    outcome = command("survey", "data=folder", f"data.root={tmp_path / 'set'}", "write=own/data/mine.yaml")
    assert outcome.code == 0, outcome.text
    written = yaml.safe_load(Path("own/data/mine.yaml").read_text())
    for key, value in settings.items():
        given = written[key]
        short = {one: given[one] for one in value} if isinstance(value, dict) and isinstance(given, dict) else given
        assert short == value
    data = build(compose("train", [f"hydra.searchpath=[file://{Path('own').resolve()}]", "data=mine"]).data)
    seen = set[str]()
    for split in ("train", "val", "test"):
        for index, pair in enumerate(data.checked_pairs(split)):
            path = pair.image.relative_to(tmp_path / "set").as_posix()
            seen.add(path)
            assert np.array_equal(data.read(split, index)[1], expected[path])
    assert seen == {*expected}


def of_one_class_each(root: Path) -> None:
    for i in NUMBERS:
        put(root / "images" / f"{i:08x}-a.jpg", photo(i))
        for label, name in enumerate(("Leaf", "Stem"), 1):
            put(root / "masks" / f"task-{i}-tag-{name}-0.png", np.uint8(255) * (truth(i) == label))


TOLD: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "masks of masks": (of_one_class_each, ["no images with masks", "one file for all classes of one image"]),
    "masks of one value": (lambda r: pairs(r, "images/{}.png", "masks/{}.png", (0,)), ["masks hold nothing but 0"]),
    "slices of a scanner": (
        lambda r: [text(r / name, "") for name in ("images/1.dcm", "images/2.dcm", "labels/1.nii.gz")],
        ["no image file at all", "3 files .dcm, .gz: save each slice as PNG"],
    ),
    "masks of fractions": (
        lambda r: pairs(r, "images/{}.png", "masks/{}.tif", draw=lambda labels: labels.astype(np.float32)),
        ["0.tif has mode F", "save it as an 8-bit grey or palette PNG", "as '{name}/img.png'"],
    ),
    "another tool's JSON": (
        lambda r: [put(r / "ds/img/1.jpg", photo(1)), text(r / "ds/ann/1.jpg.json", '{"objects": []}')],
        ["1 files .json: export them anew as COCO (polygons), or as masks in PNG"],
    ),
}


@pytest.mark.parametrize("case", TOLD)
def test_what_cannot_be_guessed_is_told_with_what_to_do(case: str, tmp_path: Path, command: Command) -> None:
    make, parts = TOLD[case]
    make(tmp_path / "set")
    outcome = command("survey", "data=folder", f"data.root={tmp_path / 'set'}", "write=mine.yaml")
    assert outcome.code == 1
    for part in parts:
        assert part in outcome.text
    assert "Traceback" not in outcome.text


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"id": 99}, "all.json has two images, 3 and 99, of one file, 3.png"),
        ({"file_name": "b.png"}, "all.json has several images of id 3"),
    ],
)
def test_shapes_that_could_be_two_images_are_refused(
    change: dict[str, object], part: str, tmp_path: Path, command: Command
) -> None:
    coco(tmp_path)
    content = json.loads((tmp_path / "all.json").read_text())
    content["images"].append(content["images"][3] | change)
    text(tmp_path / "all.json", json.dumps(content))
    words = ("data=coco", f"data.root={tmp_path}", "data.annotations={train: all.json, val: null, test: null}")
    assert part in command("survey", *words, "data.images={train: images, val: null, test: null}").text


def test_what_a_guess_does_not_read_is_told(tmp_path: Path, command: Command) -> None:
    pairs(tmp_path / "set", "{}/images.png".replace("/", "_"), "masks/leaf/{}_images.png", (0, 255))
    for i in NUMBERS:
        palette_png(tmp_path / "set" / "masks" / f"{i}_images.png", truth(i))
    outcome = command("survey", "data=folder", f"data.root={tmp_path / 'set'}", "write=mine.yaml")
    assert outcome.code == 0
    assert "# not read: 16 files of masks/" in outcome.text
    assert "masks too perhaps: one file must hold all classes of an image" in outcome.text
