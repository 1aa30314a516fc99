"""A file of a run is whole, or what reads it says which is not."""

from pathlib import Path

import pytest

from fcnlab.error import UserError
from fcnlab.run.files import read_history, read_json, write_atomic, write_json


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a" / "file.txt", "first")
    write_atomic(tmp_path / "a" / "file.txt", "second")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["file.txt"]
    assert (tmp_path / "a" / "file.txt").read_text() == "second"


@pytest.mark.parametrize("content", [b"", b'{"status": "fini', b"\xff\xfe\x00\x9a", b"[1, 2]", b"null"])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "record.json").write_bytes(content)
    with pytest.raises(UserError, match="record.json is damaged.*delete record.json and .*: typed again, it goes"):
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
