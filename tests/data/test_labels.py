"""A table of made-up folders, one per format and trap of masks: read as they were made."""

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from data.made import COLOURS, folder, palette_png, png, same, save, truth
from data.written import CSS, TABLE, TWO, VALUES, binary, merged, rgb, swapped, void_0, void_last, written
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fcnlab.data.folder import Folder
from fcnlab.data.opened import ORIENTATION
from fcnlab.error import UserError

# What is written, in which way; the overrides; what comes out.
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
    "torch's void": (
        {
            "mask": lambda p, m: np.save(p.with_suffix(".npy"), np.where(m == 2, -100, m.astype(int))),
            "classes": "a\nb\n",
        },
        ["data.void_label=-100"],
        void_last,
    ),
    "torch's void, by a mapping": (
        {"mask": lambda p, m: np.save(p.with_suffix(".npy"), np.array([0, 65436, -100])[m]), "classes": "a\nb\n"},
        ["data.labels={0: a, 65436: b, -100: void}"],
        void_last,
    ),
    "32 bits with signs": (
        {"mask": lambda p, m: save(p.with_suffix(".tif"), m.astype(np.int32) - 1), "classes": "leaf\nstem\n"},
        ["data.void_label=[-1,254]"],
        void_0,
    ),
    "the rest is void, negative labels too": (
        {"mask": lambda p, m: np.save(p.with_suffix(".npy"), np.where(m == 2, -7, m.astype(int))), "classes": "a\nb\n"},
        ["data.void_label=rest"],
        void_last,
    ),
    "the rest is void": ({"classes": "a\nb\n"}, ["data.void_label=rest"], void_last),
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


@pytest.mark.parametrize("case", READ)
def test_masks_are_read_as_they_were_made(case: str, tmp_path: Path) -> None:
    how, typed, expected = READ[case]
    assert same(folder(written(tmp_path, how), *typed), expected)


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
    labels=st.one_of(
        st.integers(2, 5).map(lambda number: [*range(number)]),
        st.lists(st.integers(0, 255), min_size=2, max_size=5, unique=True),
        st.lists(st.integers(0, 65535), min_size=2, max_size=5, unique=True),
    ),
    kinds=st.lists(st.sampled_from(KINDS), min_size=6, max_size=6),
    told=st.booleans(),
    image=st.sampled_from(["L", "RGB", "RGBA", "LA", "P", "1", "RGB", "I;16"]),
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
