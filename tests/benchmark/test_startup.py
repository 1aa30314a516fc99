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


def test_what_the_cores_decode_is_every_pair_or_every_mask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    startup.write_pairs(tmp_path, 40, 16, 24)
    data, read = startup.described(tmp_path), list[str]()
    for name in ("decode_mask", "read_image_of"):
        keep = getattr(FileData, name)
        monkeypatch.setattr(
            FileData, name, lambda self, *what, name=name, keep=keep: read.append(name) or keep(self, *what)
        )
    assert startup.decoding(data, data.read_mask) > 0
    assert (read.count("decode_mask"), read.count("read_image_of")) == (40, 0)
    assert startup.decoding(data, data.read) > 0
    assert (read.count("decode_mask"), read.count("read_image_of")) == (80, 40)


def test_rows_by_a_clock_that_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """A first start of 4 s beside 8 s for the pairs and 2 s for the masks; a second of 1.5 s beside 0.5 s of a few."""
    monkeypatch.setattr(startup, "FEW", 30)
    starts = {"few": (0.5, 0.5), "many": (4.0, 1.5)}

    def start(root: Path) -> float:
        again = (root / "started").is_file()
        (root / "started").touch()
        return starts[root.name][again]

    monkeypatch.setattr(startup, "start", start)
    monkeypatch.setattr(startup, "decoding", lambda data, read: {"read": 8.0, "read_mask": 2.0}[read.__name__])
    pairs, masks, second = startup.rows({"startup_pairs": 60, "rounds": 1, "net": {"image": [16, 24]}})
    assert [(row.values, row.goal) for row in (pairs, masks, second)] == [([2.0], ">= 1"), ([0.5], ""), ([1.0], "<= 2")]


def test_a_round_begins_with_nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(startup, "FEW", 30)
    monkeypatch.setattr(startup, "decoding", lambda data, read: 1.0)
    looked, keep = list[Path](), FileData.decode_mask
    monkeypatch.setattr(FileData, "decode_mask", lambda self, path: looked.append(path) or keep(self, path))
    for row in startup.rows({"startup_pairs": 60, "rounds": 2, "net": {"image": [16, 24]}}):
        assert len(row.values) == 2
    assert len(looked) == 2 * 60 + 30  # the few are only there to be subtracted
