"""A survey tells every fault at once with its file, and what a data set without faults holds."""

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from conftest import Command
from data.faults import FAULTS, make_folder

FOLDER = ("data=folder", "data.lists=lists")


@pytest.mark.parametrize("file", ["/proc/x.png", "/etc/passwd/x.png"])
def test_a_sheet_that_cannot_be_written_is_told(file: str, command: Command) -> None:
    few = [f"data.images.{split}=2" for split in ("train", "val", "test")]
    outcome = command("survey", *few, f"output={file}")
    assert outcome.code == 1
    assert f"Cannot write to output={file}" in outcome.text


def test_shapes_are_surveyed_in_numbers_and_on_a_sheet(command: Command) -> None:
    few = ("data.images.train=6", "data.images.val=3", "data.images.test=3", "data.size=64")
    outcome = command("survey", *few, "images=6", "output=here/sheet.png")
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
    PIL.Image.new("RGB", (5, 5), "red").save(root / "masks" / "photo_9.png")
    (root / "lists" / "test.txt").write_text("photo_8\nphoto_9\nphoto_2\n")
    outcome = command("survey", *FOLDER, f"data.root={root}")
    assert outcome.code == 1
    for part in ("5 faults", "photo_0.jpg", "label 37", "photo_6", "mode RGB", "photo_2 is in both train and test"):
        assert part in outcome.text
    assert "Traceback" not in outcome.text
    assert Path("survey.png").is_file()  # what can be shown is shown


def test_masks_of_0_and_255_are_a_fault_unless_255_is_a_class_and_a_score_says_what_it_leaves_out(
    tmp_path: Path, command: Command
) -> None:
    root = make_folder(tmp_path / "data")
    for path in (root / "masks").iterdir():
        with PIL.Image.open(path) as mask:
            PIL.Image.fromarray(np.where(np.asarray(mask) > 0, 255, 0).astype(np.uint8)).save(path.with_suffix(".bmp"))
        path.unlink()
    outcome = command("survey", *FOLDER, f"data.root={root}")
    assert outcome.code == 1
    for part in ("1 faults", "no class but ground", "of masks of 0 and 255, data.labels=[0,255] makes it a class"):
        assert part in outcome.text
    narrow = ("model.backbone.width=0.05", "model.backbone.fc_channels=8", "trainer=smoke", "logger=none")
    refused = command("train", *FOLDER, *narrow, f"data.root={root}")
    assert refused.code == 1
    assert "data.labels=[0,255] makes it a class" in refused.text
    trained = command("train", *FOLDER, *narrow, f"data.root={root}", "data.labels=[0,255,7]")
    for name in ("leaf", "stem"):
        told = name in trained.text.partition("In no mean: ")[2].partition(".")[0]
        assert told == (f"test/iou/{name}" not in trained.value)
    assert "The test masks have no such pixel" in trained.text


@pytest.mark.parametrize("case", FAULTS)
def test_a_survey_finds_each_fault(case: str, tmp_path: Path, command: Command) -> None:
    root = make_folder(tmp_path / "data")
    FAULTS[case][0](root)
    outcome = command("survey", *FOLDER, f"data.root={root}")
    assert outcome.code == 1
    assert FAULTS[case][1][0].split(" of split")[0] in outcome.text
    assert "Traceback" not in outcome.text


def test_a_guess_tells_the_command_that_reads_it(tmp_path: Path, command: Command) -> None:
    root = make_folder(tmp_path / "my data")
    shown = command("survey", "data=folder", f"data.root={root}", "write=own/data/mine.yaml").text
    (line,) = [line for line in shown.splitlines() if line.startswith("python -m fcnlab.survey ")]
    outcome = command("survey", *line.split()[3:])
    assert outcome.code == 0, outcome.text
    assert "leaf" in outcome.text
