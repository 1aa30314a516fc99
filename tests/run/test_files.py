"""A file of a run is whole, or what reads it says which is not."""

import json
import math
import shutil
from pathlib import Path

import pytest
from conftest import TINY, Command, Trained
from data.faults import make_folder
from hypothesis import given
from hypothesis import strategies as st

from fcnlab.error import UserError
from fcnlab.run.files import fitting, read_history, read_json, read_scores, write_atomic, write_json


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a" / "file.txt", "first")
    write_atomic(tmp_path / "a" / "file.txt", "second")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["file.txt"]
    assert (tmp_path / "a" / "file.txt").read_text() == "second"


@pytest.mark.parametrize("content", [b"", b'{"status": "fini', b"\xff\xfe\x00\x9a", b"[1, 2]", b"null"])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "record.json").write_bytes(content)
    with pytest.raises(
        UserError, match="record.json is damaged.*delete record.json and .*: the same command then goes"
    ):
        read_json(tmp_path / "record.json")


def test_json_comes_back_and_a_missing_file_is_empty(tmp_path: Path) -> None:
    write_json(tmp_path / "metrics.json", {"val/mean_iou": 0.5})
    assert read_json(tmp_path / "metrics.json") == {"val/mean_iou": 0.5}
    assert read_json(tmp_path / "nothing.json") == {}


def test_a_history_has_numbers(tmp_path: Path) -> None:
    (tmp_path / "history.csv").write_text("epoch,val/mean_iou\n0,0.5\n1,\n")
    assert read_history(tmp_path / "history.csv") == [{"epoch": 0, "val/mean_iou": 0.5}, {"epoch": 1}]
    (tmp_path / "history.csv").write_bytes(b"epoch,val/mean_iou\n\xff\xfe,?\n")
    with pytest.raises(UserError, match="history.csv is damaged"):
        read_history(tmp_path / "history.csv")


def test_what_is_no_number_is_null_in_json_and_nan_in_scores(tmp_path: Path) -> None:
    scores = {"a": float("nan"), "b": [float("inf"), 1.0], "c": {"d": -float("inf"), "e": 2}, "f": None}
    write_json(tmp_path / "a.json", scores)

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    found = json.loads((tmp_path / "a.json").read_text(), parse_constant=refuse)
    assert found == {"a": None, "b": [None, 1.0], "c": {"d": None, "e": 2}, "f": None}
    write_json(tmp_path / "b.json", {"a": float("nan"), "b": 1.0})
    read = read_scores(tmp_path / "b.json")
    assert math.isnan(read["a"])
    assert read["b"] == 1.0


def test_scores_that_are_no_numbers_are_shown_and_left_out_of_a_comparison(
    command: Command, trained: Trained, finished: Path
) -> None:
    folder = Path(shutil.copytree(trained.folder, Path("runs") / trained.folder.name))
    for other in finished.glob("shapes-*-s0-*"):
        shutil.copytree(other, Path("runs") / other.name)
    scores = json.loads((folder / "metrics.json").read_text())
    write_json(folder / "metrics.json", scores | {"test/mean_iou": float("nan")})
    again = command("train", *TINY)
    assert "nan %" in again.text
    compared = command("compare", "runs=runs/shapes-*")
    assert compared.code == 0
    assert "its test/mean_iou is no number" in compared.text


@given(st.text(max_size=200), st.sampled_from(["", ".png", "_overlay.png"]), st.sampled_from([255, 120]))
def test_a_name_fits_and_stays_itself(name: str, suffix: str, room: int) -> None:
    name = name.replace("/", "").replace("\x00", "").encode(errors="ignore").decode()
    found = fitting(name, suffix, room)
    assert len(found.encode()) <= room
    if len((name + suffix).encode()) <= room:
        assert found == name + suffix
    else:
        assert found.endswith(suffix)
        assert found != fitting(name + "x", suffix, room)


LONG = "나" * 82  # 246 bytes: a file system takes it with .png, and no longer with _panel.png


@pytest.mark.slow
@pytest.mark.parametrize("logger", ["none", "wandb"])
def test_a_name_that_a_suffix_makes_too_long_is_cut_and_renaming_makes_no_other_run(
    logger: str, command: Command, tmp_path: Path
) -> None:
    root = make_folder(tmp_path / "data")

    def rename(old: str, new: str) -> None:
        (root / "images" / f"{old}.jpg").rename(root / "images" / f"{new}.jpg")
        (root / "masks" / f"{old}.png").rename(root / "masks" / f"{new}.png")
        for file in (root / "lists").iterdir():
            file.write_text(file.read_text().replace(f"{old}\n", f"{new}\n"))

    for split in ("val", "test"):
        rename(
            (root / "lists" / f"{split}.txt").read_text().split()[0], f"{LONG[:-1]}{'가' if split == 'val' else '다'}"
        )
    words = ("data=folder", "data.root=data", "data.lists=lists", "data.image_size=[32,32]", "data.num_workers=0")
    net = [word for word in TINY if word.startswith(("trainer.", "model."))]
    typed = (*words, *net, "epochs=1", "data.batch_size=2", f"logger={logger}")
    first = command("train", *typed)
    assert first.code == 0, first.text
    (run,) = Path("runs").glob("plain-*")
    drawn = [file.name for file in (run / "predictions").iterdir() if file.name.startswith(LONG[:50])]
    assert sorted(len(name.encode()) <= 255 for name in drawn) == [True, True]
    if logger == "wandb":
        shown = [file for file in Path("runs/wandb").rglob("*") if file.is_file() and file.name.startswith("나")]
        assert len(shown) == 3  # the image and its two masks
    rename(f"{LONG[:-1]}다", "a")
    again = command("train", *typed)
    assert "is finished; nothing to train" in again.text
    assert again.value == first.value


def test_a_score_that_is_no_number_is_damage(tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text('{"test/mean_iou": "high"}')
    with pytest.raises(UserError, match="metrics.json is damaged"):
        read_scores(tmp_path / "metrics.json")


def test_a_run_has_the_same_letters_whatever_the_locale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep = Path.open
    ascii_text = {"encoding": "ascii"}
    monkeypatch.setattr(Path, "open", lambda file, mode="r", **how: keep(file, mode, **ascii_text | how))
    write_atomic(tmp_path / "config.yaml", "name: 형상")
    monkeypatch.undo()
    assert (tmp_path / "config.yaml").read_bytes() == "name: 형상".encode()
