"""A table of made-up folders, one per format and trap of masks: read as they were made, or refused with the hint."""

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tifffile
from conftest import Command
from data.made import COLOURS, folder, make, palette_png, png, same, save, truth, words
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fcnlab.data.folder import Folder
from fcnlab.data.opened import ORIENTATION
from fcnlab.error import UserError

VALUES = np.array([0, 38, 75], np.uint8)


def rgb(path: Path, labels: np.ndarray, off: int = 0, mode: str = "RGB") -> None:
    values = COLOURS[labels].astype(int)
    noise = np.random.default_rng(0).integers(-off, off + 1, values.shape)
    save(path, np.asarray(PIL.Image.fromarray(np.clip(values + noise, 0, 255).astype(np.uint8)).convert(mode)))


def void_0(index: int) -> np.ndarray:
    return np.where(truth(index) == 0, 255, truth(index) - 1).astype(np.uint8)


def void_last(index: int) -> np.ndarray:
    return np.where(truth(index) == 2, 255, truth(index)).astype(np.uint8)


def merged(index: int) -> np.ndarray:
    return np.minimum(truth(index, 4), 2).astype(np.uint8)


def binary(index: int) -> np.ndarray:
    return truth(index, 2)


CSS = ["black", "#c81e1e", [30, 200, 30]]
TABLE = "name,r,g,b\nground,0,0,0\nleaf,200,30,30\nstem,30,200,30\n"
TWO = {"classes": "ground\nleaf\n", "count": 2}
# What is written, in which way; what is typed; what comes out.
READ: dict[str, tuple[dict[str, Any], list[str], Any]] = {
    "1 bit": ({"mask": lambda p, m: png(p, m, depth=1), **TWO}, [], binary),
    "2 bits": ({"mask": lambda p, m: png(p, m, depth=2)}, [], truth),
    "4 bits": ({"mask": lambda p, m: png(p, m, depth=4)}, [], truth),
    "8 bits": ({}, [], truth),
    "16 bits": ({"mask": lambda p, m: png(p, m, depth=16)}, [], truth),
    "16 bits with large labels": (
        {"mask": lambda p, m: save(p, np.array([7, 300, 65534], np.uint16)[m])},
        ["data.labels=[7,300,65534]"],
        truth,
    ),
    "2 bits of palette": ({"mask": lambda p, m: png(p, m, depth=2, kind=3, palette=COLOURS.tobytes())}, [], truth),
    "4 bits of palette": ({"mask": lambda p, m: png(p, m, depth=4, kind=3, palette=COLOURS.tobytes())}, [], truth),
    "8 bits of palette": ({"mask": palette_png}, [], truth),
    "TIFF": ({"mask": lambda p, m: save(p.with_suffix(".tif"), m)}, [], truth),
    "lossless WebP": (
        {"mask": lambda p, m: save(p.with_suffix(".webp"), np.repeat(m[..., None], 3, 2), lossless=True)},
        ["data.labels=[0,1,2]"],
        truth,
    ),
    "GIF": (
        {"mask": lambda p, m: palette_png(p, m), "mask_name": "masks/photo_{}_mask.gif"},
        ["data.masks='masks/{name}_mask.gif'"],
        truth,
    ),
    "0 and 255": ({"mask": lambda p, m: save(p, m * 255), **TWO}, ["data.labels=[0,255]"], binary),
    "0 and 255 in RGBA": (
        {"mask": lambda p, m: save(p, np.dstack([m * 255] * 3 + [np.full_like(m, 255)])), **TWO},
        ["data.labels=[0,255]"],
        binary,
    ),
    "values with gaps": ({"mask": lambda p, m: save(p, VALUES[m])}, ["data.labels=[0,38,75]"], truth),
    "labels merged": ({"count": 4}, ["data.labels=[0,1,[2,3]]"], merged),
    "labels by name": ({"count": 4}, ["data.labels={0: ground, 1: leaf, 2: stem, 3: stem}"], merged),
    "a label called void": ({"classes": "void\nleaf\nstem\n"}, [], void_0),
    "zero is void": ({"classes": "leaf\nstem\n"}, ["data.shift=-1"], void_0),
    "zero is void, by a mapping": (
        {"classes": "leaf\nstem\n"},
        ["data.labels={0: void, 1: leaf, 2: stem}"],
        void_0,
    ),
    "the rest is void": ({"classes": "ground\nleaf\n"}, ["data.void_label=rest"], void_last),
    "two labels are void": ({"classes": "ground\nleaf\n", "count": 3}, ["data.void_label=[2,9]"], void_last),
    "written-out classes": ({"classes": None}, ["data.classes=[ground, leaf, stem]"], truth),
    "RGB by colours": ({"mask": rgb}, [f"data.colours={CSS}"], truth),
    "RGBA by colours": ({"mask": lambda p, m: rgb(p, m, mode="RGBA")}, [f"data.colours={CSS}"], truth),
    "colours of a CSV": ({"mask": rgb, "classes": TABLE}, ["data.classes=classes.csv", "data.colours=true"], truth),
    "colours off by 2": (
        {"mask": lambda p, m: rgb(p, m, 2), "classes": TABLE},
        ["data.classes=classes.csv", "data.colours=true", "data.tolerance=2"],
        truth,
    ),
    "a colour is void": (
        {"mask": rgb, "classes": "ground\nleaf\n"},
        ["data.colours=['#000000','#c81e1e']", "data.void_label='#1ec81e'"],
        void_last,
    ),
    "all other colours are void": (
        {"mask": rgb, "classes": "ground\nleaf\n"},
        ["data.colours=['#000000','#c81e1e']", "data.void_label=rest"],
        void_last,
    ),
    "palettes that differ, by colours": (
        {"mask": lambda p, m: palette_png(p, *swapped(p, m))},
        [f"data.colours={CSS}"],
        truth,
    ),
    "palettes that differ, on purpose": (
        {"mask": lambda p, m: palette_png(p, m, swapped(p, m)[1])},
        ["data.palettes=any"],
        truth,
    ),
    "a JPEG with a threshold": (
        {"mask": lambda p, m: save(p.with_suffix(".jpg"), m * 255, quality=95), **TWO},
        ["data.threshold=127"],
        binary,
    ),
}


def swapped(path: Path, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """In every second file, labels 1 and 2 swapped in indices and palette: all files look alike."""
    if int(path.stem[-1]) % 2:
        return np.array([0, 2, 1], np.uint8)[labels], COLOURS[[0, 2, 1]]
    return labels, COLOURS[:3]


def written(root: Path, how: dict[str, Any]) -> Path:
    make(root, **how)
    if str(how.get("classes")).startswith("name,"):
        (root / "classes.txt").rename(root / "classes.csv")
    return root


@pytest.mark.parametrize("case", READ)
def test_masks_are_read_as_they_were_made(case: str, tmp_path: Path) -> None:
    how, typed, expected = READ[case]
    assert same(folder(written(tmp_path, how), *typed), expected)


REFUSED: dict[str, tuple[dict[str, Any], list[str], list[str]]] = {
    "JPEG": (
        {"mask": lambda p, m: save(p.with_suffix(".jpg"), m * 100)},
        [],
        ["photo_0.jpg is a JPEG", "compression makes up values", "data.threshold=127"],
    ),
    "lossy WebP": ({"mask": lambda p, m: save(p.with_suffix(".webp"), m * 100)}, [], ["photo_0.webp is a lossy WebP"]),
    "palettes that differ": (
        {"mask": lambda p, m: palette_png(p, *swapped(p, m))},
        [],
        ["photo_0.png and ", "photo_1.png have different palettes", "label 1 is (200, 30, 30)", "data.colours=[...]"],
    ),
    "values with gaps": (
        {"mask": lambda p, m: save(p, VALUES[m])},
        [],
        ["photo_0.png has label 75", "hold 0, 38, 75: 3 values for 3 classes: data.labels=[0,38,75]"],
    ),
    "labels from 1": (
        {"mask": lambda p, m: save(p, m + 1), "classes": "ground\nleaf\nstem\n"},
        [],
        ["has label 3", "The masks hold 1, 2, 3: 3 values for 3 classes: data.labels=[1,2,3]"],
    ),
    "a zero that is void": (
        {"classes": "leaf\nstem\n"},
        ["data.void_label=0"],
        ["has label 2", "The masks hold 1, 2: 2 values for 2 classes: data.labels=[1,2]"],
    ),
    "a label too many": (
        {"classes": "leaf\nstem\n"},
        [],
        ["has label 2", "If 0 is void and 1 the first class: data.shift=-1"],
    ),
    "RGB": ({"mask": rgb}, [], ["photo_0.png has mode RGB", "data.colours=", "It holds 3 colours, most often ("]),
    "RGB with known colours": (
        {"mask": rgb, "classes": TABLE},
        ["data.classes=classes.csv"],
        ["photo_0.png has mode RGB", "data.colours=true reads the colours of data.classes"],
    ),
    "colours off by 2": (
        {"mask": lambda p, m: rgb(p, m, 2)},
        [f"data.colours={CSS}"],
        ["photo_0.png has colour (", "data.tolerance=2 takes it", "Known: ground (0, 0, 0)"],
    ),
    "a colour of no class": (
        {"mask": rgb, "count": 4},
        [f"data.colours={CSS}"],
        ["has colour (30, 30, 200), which is no class's", "data.void_label=rest"],
    ),
    "labels told apart by transparency": (
        {
            "mask": lambda p, m: save(
                p, np.dstack([np.zeros((*m.shape, 3), np.uint8), np.where(m, 255, 0).astype("u1")])
            )
        },
        [f"data.colours={CSS}"],
        ["photo_0.png has transparent pixels of a colour that others show too"],
    ),
    "pages": (
        {
            "mask": lambda p, m: save(
                p.with_suffix(".tif"), m, save_all=True, append_images=[PIL.Image.fromarray(m)] * 4
            )
        },
        [],
        ["photo_0.tif has 5 pages", "data.page=0"],
    ),
    "white is zero": (
        {"mask": lambda p, m: tifffile.imwrite(p.with_suffix(".tif"), m, photometric="miniswhite")},
        [],
        ["photo_0.tif is a TIFF whose zero is white", "Save it as PNG"],
    ),
    "a threshold for labels": (TWO, ["data.threshold=127"], ["holds 0 and 1", "Leave data.threshold out"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_read_is_refused_with_the_reason(case: str, tmp_path: Path, command: Command) -> None:
    how, typed, parts = REFUSED[case]
    outcome = command("survey", *words(written(tmp_path / "data", how), *typed))
    assert outcome.code == 1
    for part in parts:
        assert part in outcome.text
    assert "Traceback" not in outcome.text


NET = ("model.backbone.width=0.05", "model.backbone.fc_channels=8", "trainer=smoke", "logger=none")


@pytest.mark.parametrize("case", ["palettes that differ", "values with gaps", "JPEG"])
def test_a_training_refuses_it_before_it_begins(case: str, tmp_path: Path, command: Command) -> None:
    how, typed, parts = REFUSED[case]
    outcome = command("train", *words(written(tmp_path / "data", how), *typed), *NET)
    assert outcome.code == 1
    for part in parts:
        assert part in outcome.text


SETTINGS = {
    ("data.void_label=300",): "data.void_label=300 is no label of masks: 0 to 255",
    ("data.labels=[0,1]",): "data.labels=[0, 1] must give a label or more to each of 3 classes: ground, leaf, stem",
    ("data.labels=[0,1,1]",): "gives label 1 to two classes",
    ("data.labels=[0,1,-2]",): "data.labels has -2",
    ("data.labels={0: ground, 1: laef}",): "Did you mean leaf",
    ("data.labels=[0,1,2]", "data.shift=-1"): "data.shift=-1 is for labels that count up",
    ("data.labels=[0,1,2]", "data.void_label=2"): "Label 2 is both void (data.void_label) and stem",
    ("data.labels=[0,1,2]", "data.colours=true"): "only one can be given",
    ("data.colours=true",): "data.colours=true, but data.classes says no colours",
    ("data.colours=['#000000','#c81e1e']",): "must give a colour, or a list of them, to each of 3 classes",
    ("data.colours=['#000000','#c81e1e','nothing']",): "'nothing' is no colour",
    ("data.colours=['#000000','#000002','#ffffff']", "data.tolerance=1"): "are 2 apart: with data.tolerance=1",
    ("data.threshold=127",): "needs two classes; there are 3",
    ("data.void_label='#ffffff'",): "names a colour, but labels are read",
    ("data.tolerance=-1",): "data.tolerance=-1",
    ("data.palettes=sme",): "data.palettes=sme is not known. Did you mean same",
}


@pytest.mark.parametrize("typed", SETTINGS, ids=" ".join)
def test_settings_that_contradict_the_classes_are_refused(typed: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(UserError) as told:
        folder(make(tmp_path), *typed)
    assert SETTINGS[typed] in str(told.value)


@pytest.mark.parametrize("count", [256, 300])
def test_more_than_255_classes_are_refused_at_once(count: int, tmp_path: Path, command: Command) -> None:
    root = make(tmp_path / "data", classes="".join(f"c{i}\n" for i in range(count)))
    outcome = command("survey", *words(root))
    assert outcome.code == 1
    assert "masks of 8 bits hold 255 classes, 0 to 254, and 255 is void" in outcome.text


def test_255_classes_are_read(tmp_path: Path) -> None:
    ramp = np.arange(12 * 14, dtype=np.uint8).reshape(12, 14) + 87  # up to 254
    data = folder(make(tmp_path, lambda p, _: save(p, ramp), classes="".join(f"c{i}\n" for i in range(255))))
    assert (data.read("train", 0)[1] == ramp).all()


def test_other_labels_for_the_same_masks_are_other_data(tmp_path: Path) -> None:
    make(tmp_path)
    prints = {folder(tmp_path, *more).fingerprint("test") for more in ([], ["data.labels=[0,1,2]"])}
    assert len(prints) == 1
    assert folder(tmp_path, "data.labels=[0,2,1]").fingerprint("test") not in prints


KINDS = ["grey 1", "grey 2", "grey 4", "grey 8", "grey 16", "palette", "rgb", "tif", "jpg", "webp", "bmp"]
KINDS += ["palette tif", "palette bmp", "lzw tif", "turned png", "turned tif", "pages tif", "pages png", "jpg as png"]
REFUSED_KINDS = ("jpg", "webp", "jpg as png", "pages tif", "pages png")


def exif(orientation: int) -> PIL.Image.Exif:
    """An EXIF header that says how an image is to be turned."""
    header = PIL.Image.Exif()
    header[ORIENTATION] = orientation
    return header


def write_any(path: Path, values: np.ndarray, kind: str) -> tuple[Path, np.ndarray]:
    """A mask of some kind; where it was written, and the labels that it was given: those that fit its depth."""
    depth = {"grey 1": 1, "grey 2": 2, "grey 4": 4, "grey 16": 16}.get(kind, 8)
    values = values % 2**depth
    if kind.startswith("grey"):
        png(path, values, depth=depth)
    elif kind == "palette":
        png(path, values, depth=8, kind=3, palette=bytes(range(256)) * 3)
    elif kind == "rgb":
        save(path, np.repeat(values.astype(np.uint8)[..., None], 3, 2))
    elif kind == "jpg as png":
        save(path, values.astype(np.uint8), format="JPEG")
    elif " " in kind:
        kind, _, suffix = kind.partition(" ")
        path, mask = path.with_suffix(f".{suffix}"), PIL.Image.fromarray(values.astype(np.uint8))
        if kind == "palette":
            mask.putpalette(bytes(range(256)) * 3)
        other = PIL.Image.fromarray((values + 1).astype(np.uint8))
        turned = {"tiffinfo": {ORIENTATION: 3}} if suffix == "tif" else {"exif": exif(3)}
        options = {"lzw": {"compression": "tiff_lzw"}, "turned": turned}
        mask.save(
            path, **options.get(kind, {}), **({"save_all": True, "append_images": [other]} if kind == "pages" else {})
        )
    else:
        path = path.with_suffix(f".{kind}")
        save(path, values.astype(np.uint8))
    return path, values


@given(
    labels=st.lists(st.one_of(st.integers(0, 4), st.integers(0, 65535)), min_size=2, max_size=5, unique=True),
    kinds=st.lists(st.sampled_from(KINDS), min_size=3, max_size=3),
    told=st.booleans(),
    image=st.sampled_from(["L", "RGB", "RGBA", "LA", "P", "1", "I;16"]),
    seed=st.integers(0, 1000),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_label_of_a_random_folder_is_ever_read_as_another(
    labels: list[int], kinds: list[str], told: bool, image: str, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever the files: the labels with which they were written come out, or they are refused."""
    root, random = tmp_path_factory.mktemp("any"), np.random.default_rng(seed)
    (root / "masks").mkdir(), (root / "images").mkdir()
    written, photos = {}, {}
    for index, kind in enumerate(kinds):
        height, width = random.integers(1, 9, 2)
        values = np.array(labels)[random.integers(0, len(labels), (height, width))]
        written[f"photo_{index}"] = (kind, *write_any(root / "masks" / f"photo_{index}.png", values, kind))
        pixels = random.integers(0, 256, (height, width), dtype=np.uint8)
        photo = PIL.Image.fromarray(pixels.astype(np.uint16) * 257) if image == "I;16" else PIL.Image.fromarray(pixels)
        photo = photo if image == "I;16" else photo.convert(image)
        turned = kind.startswith("turned")  # as its mask
        photo.save(root / "images" / f"photo_{index}.png", exif=exif(3 if turned else 1))
        shown = pixels[..., None].repeat(3, 2) if image == "I;16" else np.asarray(photo.convert("RGB"))
        photos[f"photo_{index}"] = np.rot90(shown, 2) if turned else shown
    (root / "train.txt").write_text("\n".join(written))
    data = Folder(
        name="any",
        root=str(root),
        classes=[str(label) for label in labels],
        labels=labels if told else None,
        lists=".",
        fractions={"train": 1.0},
        palettes="any",
        batch_size=1,
    )
    for name, read in data.samples("train").items():
        kind, _, values = written[name]
        try:
            found, mask = read()
        except UserError:
            unknown = not set(np.unique(values)) <= ({*labels} if told else {*range(len(labels)), 255})
            dark = image == "I;16"  # whose white is not certain where no pixel is bright
            assert unknown or dark or kind in REFUSED_KINDS or (kind == "rgb" and not told)
        else:
            assert np.array_equal(found, photos[name])
            assert kind not in REFUSED_KINDS
            values = np.rot90(values, 2) if kind.startswith("turned") else values
            expected = [
                255 if value == 255 and not (told and 255 in labels) else labels.index(value) if told else value
                for value in values.ravel().tolist()
            ]
            assert mask.ravel().tolist() == expected
