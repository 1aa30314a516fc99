"""Files are looked at once: what was found is kept beside the runs, and looked for again only where files changed."""

import threading
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from conftest import Command
from data.faults import make_folder

from fcnlab.cli.compose import build, compose
from fcnlab.data.contents import Contents
from fcnlab.data.files import FileData
from fcnlab.data.kept import Kept
from fcnlab.error import UserError

OWN = (
    *("data=folder", "data.lists=lists", "logger=none", "trainer=smoke", "trainer.enable_progress_bar=false"),
    *("trainer.precision=32-true", "model.backbone.width=0.05", "model.backbone.fc_channels=8", "data.batch_size=2"),
)


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Which files were looked at."""
    seen, look = list[tuple[str, int]](), FileData.examine

    def counted(self: FileData, split: str, index: int) -> object:
        seen.append((split, index))
        return look(self, split, index)

    monkeypatch.setattr(FileData, "examine", counted)
    return seen


@pytest.mark.slow
def test_a_second_start_looks_only_at_splits_whose_files_changed(
    tmp_path: Path, command: Command, looked: list
) -> None:
    root = make_folder(tmp_path / "data")
    assert command("train", *OWN, f"data.root={root}").code == 0
    assert len(looked) == 11
    looked.clear()
    more = ("seed=1", "data.batch_size=1", "data.image_size=[40,40]", "loss.class_weights=median_frequency")
    assert command("train", *OWN, *more, f"data.root={root}").code == 0
    assert looked == []
    mask = root / "masks" / "photo_9.png"
    PIL.Image.fromarray(np.zeros((40, 50), np.uint8)).save(mask)
    outcome = command("train", *OWN, "seed=2", f"data.root={root}")
    assert outcome.code == 0, outcome.text
    assert sorted(looked) == [("test", 0), ("test", 1), ("test", 2)]


@pytest.mark.slow
def test_a_mask_that_came_later_is_compared_with_the_palettes_of_those_that_were_looked_at_before(
    tmp_path: Path, command: Command, looked: list
) -> None:
    root = make_folder(tmp_path / "data")
    assert command("train", *OWN, f"data.root={root}").code == 0
    looked.clear()
    before = build(compose("train", ["data=folder", "data.lists=lists", f"data.root={root}"]).data)
    before.kept = Kept(tmp_path / "kept", {})
    for split in ("train", "test"):
        before.contents(split)
    looked.clear()
    for i in (8, 9, 10):  # the whole test split
        path = root / "masks" / f"photo_{i}.png"
        with PIL.Image.open(path) as old:
            mask = PIL.Image.fromarray(np.asarray(old))
        mask.putpalette([0, 0, 0, 255, 0, 0, 0, 0, 255])
        mask.save(path)
    after = build(compose("train", ["data=folder", "data.lists=lists", f"data.root={root}"]).data)
    after.kept = Kept(tmp_path / "kept", {})
    after.contents("train")
    assert looked == []
    with pytest.raises(UserError, match="different palettes: label 2"):
        after.contents("test")
    outcome = command("train", *OWN, "seed=1", f"data.root={root}")
    assert outcome.code == 1
    assert "different palettes: label 2" in outcome.text
    assert "Run plain" not in outcome.text  # before the training begins
    assert {split for split, _ in looked} == {"test"}


@pytest.mark.slow
def test_what_changes_the_reading_is_looked_at_anew(tmp_path: Path, command: Command, looked: list) -> None:
    root = make_folder(tmp_path / "data")
    assert command("train", *OWN, f"data.root={root}").code == 0
    looked.clear()
    assert command("train", *OWN, "data.void_label=2", f"data.root={root}").code == 0
    assert len(looked) == 11
    looked.clear()
    (root / "classes.txt").write_text("ground\nleaf\nstem\nbark\n")
    assert command("train", *OWN, "seed=1", f"data.root={root}").code == 0
    assert len(looked) == 11


@pytest.mark.slow
def test_what_damaged_or_forbade_keeping_costs_a_look_and_no_more(
    tmp_path: Path, command: Command, looked: list
) -> None:
    root = make_folder(tmp_path / "data")
    assert command("train", *OWN, f"data.root={root}").code == 0
    kept = list(Path("runs/.fcnlab").glob("folder-*.json"))
    assert len(kept) == 3
    for file in kept:
        file.write_text(file.read_text()[:50])
    looked.clear()
    assert command("train", *OWN, "seed=1", f"data.root={root}").code == 0
    assert len(looked) == 11
    Path("other").mkdir()
    Path("other/.fcnlab").write_text("no folder")
    assert command("train", *OWN, "runs_dir=other", f"data.root={root}").code == 0


def test_of_many_at_once_one_looks_and_the_others_are_told(tmp_path: Path) -> None:
    looks, found = list[int](), list[Contents]()
    together = threading.Barrier(4)

    def look() -> Contents:
        looks.append(1)
        threading.Event().wait(0.1)
        return Contents("abc", [1], [1], ["x"], [(2, 3)])

    def ask() -> None:
        kept = Kept(tmp_path / "kept", {"root": "here", "batch_size": 3})
        together.wait()
        found.append(kept.get("folder", "train", "stamp", look))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(looks) == 1
    assert found == [Contents("abc", [1], [1], ["x"], [(2, 3)])] * 4
