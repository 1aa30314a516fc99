"""What is timed is a start: the first looks at every file, the second finds what was kept."""

from pathlib import Path

import pytest

from fcnlab.benchmark import startup
from fcnlab.data.files import FileData


def test_the_first_start_looks_at_every_file_and_the_second_at_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    startup.write_pairs(tmp_path, 40, 16, 24)
    looked = list[str]()
    keep = FileData.decode_mask
    monkeypatch.setattr(FileData, "decode_mask", lambda self, path: looked.append(path.stem) or keep(self, path))
    assert startup.start(tmp_path) > 0
    assert sorted(looked) == [f"{number:06}" for number in range(40)]
    startup.start(tmp_path)
    assert len(looked) == 40


def test_rows_tell_their_goals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(startup, "FEW", 30)
    looked, keep = list[Path](), FileData.decode_mask
    monkeypatch.setattr(FileData, "decode_mask", lambda self, path: looked.append(path) or keep(self, path))
    first, second = startup.rows({"startup_pairs": 60, "rounds": 2, "net": {"image": [16, 24]}})
    assert len(looked) == 2 * 60 + 30  # the few are only there to be subtracted
    assert (first.goal, second.goal) == (">= 0.8", "<= 2")
    assert len(first.values) == len(second.values) == 2
    assert first.values[0] > 0
