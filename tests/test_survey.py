"""A survey tells every fault at once with its file, and what a data set without faults holds."""

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from conftest import Command
from data.faults import FAULTS, make_folder

FOLDER = ("data=folder", "data.lists=lists")


def test_shapes_are_surveyed_in_numbers_and_on_a_sheet(command: Command) -> None:
    few = ("data.images.train=6", "data.images.val=3", "data.images.test=3", "data.size=64")
    outcome = command("survey", *few, "pictures=6", "output=here/sheet.png")
    assert outcome.code == 0, outcome.text
    for part in ("train", "64x64", "background", "cross", "sheet.png"):
        assert part in outcome.text
    assert [len(outcome.value[split]["names"]) for split in ("train", "val", "test")] == [6, 3, 3]
    assert outcome.value["train"]["pixels"].sum() == 6 * 64 * 64
    with PIL.Image.open("here/sheet.png") as sheet:
        assert len(np.unique(np.asarray(sheet).reshape(-1, 3), axis=0)) > 50
        assert sheet.size[0] == 4 * 200


def test_every_fault_is_told_at_once(tmp_path: Path, command: Command) -> None:
    root = make_folder(tmp_path / "my data")
    FAULTS["truncated JPEG"][0](root)
    PIL.Image.new("L", (50, 48), 37).save(root / "masks" / "photo_1.png")
    (root / "images" / "photo_6.jpg").unlink()
    PIL.Image.new("RGB", (5, 5)).save(root / "masks" / "photo_9.png")
    (root / "lists" / "test.txt").write_text("photo_8\nphoto_9\nphoto_2\n")
    outcome = command("survey", *FOLDER, f"data.root={root}")
    assert outcome.code == 1
    for part in ("5 faults", "photo_0.jpg", "label 37", "photo_6", "mode RGB", "photo_2 is in both train and test"):
        assert part in outcome.text
    assert "Traceback" not in outcome.text
    assert Path("survey.png").is_file()  # what can be shown is shown


@pytest.mark.parametrize("case", FAULTS)
def test_a_survey_finds_each_fault(case: str, tmp_path: Path, command: Command) -> None:
    root = make_folder(tmp_path / "data")
    FAULTS[case][0](root)
    outcome = command("survey", *FOLDER, f"data.root={root}")
    assert outcome.code == 1
    assert FAULTS[case][1][0].split(" of split")[0] in outcome.text
    assert "Traceback" not in outcome.text
