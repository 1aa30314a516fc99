"""A file of a run is whole, or what reads it says which is not."""

import json
import math
import shutil
from pathlib import Path

import pytest
from conftest import TINY, Command, Trained

from fcnlab.error import UserError
from fcnlab.run.files import read_history, read_json, read_scores, write_atomic, write_json


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
