"""PASCAL-Context: 400 labels become 59 and background, equal to masks that hold the 60 already."""

from pathlib import Path

import numpy as np
import pytest
import scipy.io
from conftest import Command
from data.scenes import NET, labels, photo, save

from fcnlab.cli.compose import build, compose
from fcnlab.data.context import CLASSES

CALLED = {"diningtable": "table", "bedcloth": "bedclothes", "clothes": "cloth"}  # among the 400 labels
OTHERS = ["accordion", "zebra", "airplane model", "unknown"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make(tmp_path)


def make(tmp_path: Path) -> Path:
    tmp_path.mkdir(exist_ok=True)
    called = [CALLED.get(name, name) for name in CLASSES[1:]]
    order = np.random.default_rng(0).permutation([*called, *OTHERS]).tolist()
    numbers = {name: 7 * place + 3 for place, name in enumerate(order)}  # up to 444
    lines = [f"{number}: {'tv monitor' if name == 'tvmonitor' else name}" for name, number in numbers.items()]
    (tmp_path / "labels.txt").write_text("\n".join(lines) + "\n")
    names = [f"2008_{i:06}" for i in range(12)]
    for i, name in enumerate(names):
        mask = labels(i, list(numbers.values())).astype(np.uint16)
        sixty = np.zeros(mask.shape, np.uint8)
        for label, one in enumerate(called, 1):
            sixty[mask == numbers[one]] = label
        save(photo(i), tmp_path / "VOCdevkit/VOC2010/JPEGImages" / f"{name}.jpg")
        save(sixty, tmp_path / "SegmentationClassContext" / f"{name}.png")
        (tmp_path / "trainval").mkdir(exist_ok=True)
        scipy.io.savemat(tmp_path / "trainval" / f"{name}.mat", {"LabelMap": mask})
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "train.txt").write_text("\n".join(names[:9]) + "\n")
    (tmp_path / "lists" / "val.txt").write_text("\n".join(names[9:]) + "\n")
    return tmp_path


def test_400_labels_become_60(root: Path, command: Command) -> None:
    words = ("data=context", f"data.root={root}", "data.val_fraction=0.3", "data.complete=false")
    mat, png = (build(compose("train", [*words, f"data.masks={kind}"]).data) for kind in ("mat", "png"))
    assert len(mat.class_names) == 60
    for split in ("train", "val", "test"):
        for one, other in zip(mat.masks(split), png.masks(split), strict=True):
            assert (one == other).all()
            assert {*np.unique(one)} == {*range(60)}
    assert len(mat.names("test")) == 3
    outcome = command("train", *words, *NET)
    assert outcome.code == 0, outcome.text
    (root / "labels.txt").write_text("1: accordion\n")
    outcome = command("train", *words, *NET, "seed=1")
    assert "labels.txt does not tell the label of aeroplane" in outcome.text


def test_the_33_classes_are_those_of_the_list_and_the_rest_is_void(root: Path, command: Command) -> None:
    words = ("data=context", f"data.root={root}", "data.val_fraction=0.3", "data.complete=false", "data.task=33")
    outcome = command("train", *words, *NET)
    assert "data.task=33 needs the list" in outcome.text
    chosen = [CLASSES[i] for i in np.random.default_rng(1).permutation(59)[:33] + 1]
    (root / "33_labels.txt").write_text("".join(f"{i}: {name}\n" for i, name in enumerate(chosen, 1)))
    whole = build(compose("train", [*words[:-1], "data.masks=png"]).data)
    (root / "33_context_labels").mkdir()
    for split in ("train", "val", "test"):
        for name, mask in zip(whole.names(split), whole.masks(split), strict=True):
            lists = [chosen.index(one) + 1 if one in chosen else 0 for one in CLASSES]
            save(np.array(lists, np.uint8)[mask], root / "33_context_labels" / f"{name}.png")
    for kind in ("mat", "png"):
        data = build(compose("train", [*words, f"data.masks={kind}"]).data)
        assert data.class_names == tuple(chosen)
        for mask, sixty in zip(data.masks("test"), whole.masks("test"), strict=True):
            for label, name in enumerate(chosen):
                assert ((mask == label) == (sixty == CLASSES.index(name))).all()
            assert ((mask == 255) == np.isin(sixty, [i for i, one in enumerate(CLASSES) if one not in chosen])).all()
    outcome = command("train", *words, *NET)
    assert outcome.code == 0, outcome.text
    (root / "33_labels.txt").write_text("1: aeroplane\n")
    assert "numbers 1 classes" in command("train", *words, *NET).text
