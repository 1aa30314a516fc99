"""SIFT Flow as published: MATLAB masks, label 0 (or -1) void, two labellings of the same images."""

from pathlib import Path

import numpy as np
import pytest
import scipy.io
from conftest import Command
from data.scenes import NET, labels, photo, save

from fcnlab.cli.compose import build, compose
from fcnlab.data.siftflow import FOLDERS, INSIDE

VALUES = {"semantic": list(range(34)), "geometric": [-1, 1, 2, 3]}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make(tmp_path)


def make(tmp_path: Path) -> Path:
    names = [f"coast_art{i}" for i in range(12)]
    for i, name in enumerate(names):
        save(photo(i), tmp_path / "Images" / INSIDE / f"{name}.jpg")
        for kind, folder in FOLDERS.items():
            (tmp_path / folder / INSIDE).mkdir(parents=True, exist_ok=True)
            mask = labels(i, VALUES[kind]).astype(np.int16)
            scipy.io.savemat(tmp_path / folder / INSIDE / f"{name}.mat", {"S": mask, "names": ["x"]})
    (tmp_path / "trainval.txt").write_text("\n".join(names[:9]) + "\n")
    (tmp_path / "test.txt").write_text("\n".join(names[9:]) + "\n")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("kind", VALUES)
def test_labels_are_counted_from_one_and_train(kind: str, root: Path, command: Command) -> None:
    words = (
        "data=siftflow",
        f"data.root={root}",
        f"data.labels={kind}",
        "data.val_fraction=0.3",
        "data.complete=false",
    )
    data = build(compose("train", list(words)).data)
    assert len(data.class_names) == {"semantic": 33, "geometric": 3}[kind]
    assert data.class_names[0] == {"semantic": "awning", "geometric": "sky"}[kind]
    for index, mask in enumerate(data.masks("test")):
        expected = labels(9 + index, VALUES[kind])
        assert (mask == np.where(expected < 1, 255, expected - 1)).all()
    outcome = command("train", *words, *NET)
    assert outcome.code == 0, outcome.text
    outcome = command("train", *words[:-1], *NET[:-1])
    assert "has 9 images, the published siftflow 2486" in outcome.text


def test_a_file_that_is_no_mask_is_told(root: Path, command: Command) -> None:
    path = next((root / "SemanticLabels" / INSIDE).glob("*.mat"))
    scipy.io.savemat(path, {"T": np.zeros((2, 2))})
    outcome = command("survey", "data=siftflow", f"data.root={root}", "data.complete=false", "data.val_fraction=0.3")
    assert outcome.code == 1
    assert path.name in outcome.text
    assert "Traceback" not in outcome.text
