"""Masks and settings that cannot be read as they were meant are refused, before a training begins."""

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tifffile
from conftest import Command
from data.made import folder, make, palette_png, save, words
from data.written import CSS, TABLE, TWO, VALUES, rgb, swapped, written

from fcnlab.error import UserError

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
    assert f"{count} class names. A mask of 8 bits holds 1 to 255 classes, labels 0 to 254; 255 is void" in outcome.text


def test_255_classes_are_read(tmp_path: Path) -> None:
    ramp = np.arange(12 * 14, dtype=np.uint8).reshape(12, 14) + 87  # up to 254
    data = folder(make(tmp_path, lambda p, _: save(p, ramp), classes="".join(f"c{i}\n" for i in range(255))))
    assert (data.read("train", 0)[1] == ramp).all()


def test_other_labels_for_the_same_masks_are_other_data(tmp_path: Path) -> None:
    make(tmp_path)
    prints = {folder(tmp_path, *more).fingerprint("test") for more in ([], ["data.labels=[0,1,2]"])}
    assert len(prints) == 1
    assert folder(tmp_path, "data.labels=[0,2,1]").fingerprint("test") not in prints
