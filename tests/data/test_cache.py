"""A cache gives the pixels that the files give, tells its size before it fills, and notices files that changed."""

import pickle
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from conftest import Command
from data.made import folder, make, photo, save, truth, words

from fcnlab.data import cache
from fcnlab.data.files import FileData
from fcnlab.data.kept import Kept
from fcnlab.error import UserError

WHERE = ["ram", "disk"]


def kept(root: Path, *more: str, at: Path) -> FileData:
    data = folder(root, *more)
    data.kept = Kept(at, {})
    return data


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_pixels_are_those_of_the_files(where: str, channels: int, tmp_path: Path) -> None:
    make(tmp_path / "data")
    save(tmp_path / "data/images/photo_1.png", photo(1)[:, :, :].transpose(1, 0, 2))  # another size
    save(tmp_path / "data/masks/photo_1.png", truth(1).T)
    plain = folder(tmp_path / "data", f"data.channels={channels}")
    data = kept(tmp_path / "data", f"data.channels={channels}", f"data.cache={where}", at=tmp_path / "kept")
    for split in ("train", "test"):
        read = pickle.loads(pickle.dumps(data.reading(split)))  # as a loading process gets it
        for index in range(len(data.names(split))):
            for got, expected in zip(read(index), plain.read(split, index), strict=True):
                assert got.dtype == expected.dtype
                assert np.array_equal(got, expected)
                got[...] = 0  # what it gives is one's own
            assert np.array_equal(read(index)[1], plain.read(split, index)[1])


@pytest.mark.parametrize("where", WHERE)
def test_a_file_is_decoded_once(where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "data")
    data = kept(tmp_path / "data", f"data.cache={where}", at=tmp_path / "kept")
    read = data.reading("train")
    monkeypatch.setattr(FileData, "read_pair", None)
    assert np.array_equal(read(0)[1], truth(0))
    assert isinstance(read, cache.Decoded)
    assert read.mapped().is_shared() == (where == "ram")  # by the loading processes
    assert (pickle.loads(pickle.dumps(read)).pixels is None) == (where == "disk")  # of which each maps the file anew
    if where == "disk":  # a later run finds it
        again = kept(tmp_path / "data", "data.cache=disk", at=tmp_path / "kept")
        assert np.array_equal(again.reading("train")(0)[1], truth(0))


def change(root: Path) -> list[str]:
    save(root / "masks" / "photo_0.png", truth(0) * 0)
    return []


def relabel(root: Path) -> list[str]:
    return ["data.labels=[2,1,0]"]


@pytest.mark.parametrize("how", [change, relabel])
def test_what_changed_is_decoded_anew_and_the_old_file_goes(how: Callable[[Path], list[str]], tmp_path: Path) -> None:
    make(tmp_path / "data")
    kept(tmp_path / "data", "data.cache=disk", at=tmp_path / "kept").reading("train")
    more = how(tmp_path / "data")
    data = kept(tmp_path / "data", "data.cache=disk", *more, at=tmp_path / "kept")
    assert np.array_equal(data.reading("train")(0)[1], data.read("train", 0)[1])
    assert not np.array_equal(data.reading("train")(0)[1], truth(0))
    assert len(list((tmp_path / "kept").glob("*.pixels"))) == 1


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({}, None),
        ({"proc/meminfo": "MemTotal:  9 kB\nMemAvailable:  7 kB\nHugePages_Total:  0\n"}, 7 * 1024),
        (
            {
                "proc/meminfo": "MemAvailable: 7 kB\n",
                "sys/fs/cgroup/memory.max": "4000\n",
                "sys/fs/cgroup/memory.current": "1500\n",
                "sys/fs/cgroup/memory.stat": "anon 1000\ninactive_file 500\n",
                "proc/self/cgroup": "0::/\n",
            },
            3000,
        ),
        (
            {
                "proc/meminfo": "MemAvailable: 7 kB\n",
                "sys/fs/cgroup/memory.max": "max\n",
                "sys/fs/cgroup/memory.current": "1500\n",
                "sys/fs/cgroup/memory.stat": "inactive_file 500\n",
                "proc/self/cgroup": "0::/\n",
            },
            7 * 1024,
        ),
        (
            {
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "4000\n",
                "sys/fs/cgroup/memory/memory.usage_in_bytes": "1500\n",
                "sys/fs/cgroup/memory/memory.stat": "cache 700\ntotal_inactive_file 0\n",
                "proc/self/cgroup": "5:cpu,cpuacct:/docker/1\n4:memory:/docker/1\n0::/\n",  # which is not seen within
            },
            2500,
        ),
        (  # a job of SLURM
            {
                "proc/meminfo": "MemAvailable: 7 kB\n",
                "proc/self/cgroup": "0::/system.slice/job_1/step_0\n",
                "sys/fs/cgroup/system.slice/job_1/memory.max": "4000\n",
                "sys/fs/cgroup/system.slice/job_1/memory.current": "1500\n",
                "sys/fs/cgroup/system.slice/job_1/memory.stat": "inactive_file 0\n",
            },
            2500,
        ),
    ],
)
def test_free_memory_ends_at_the_limit_of_a_container(files: dict[str, str], free: int | None, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert cache.free_memory(tmp_path) == free


def test_its_size_is_told_before_it_fills_and_no_room_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make(tmp_path / "data")
    filled = list[Any]()
    monkeypatch.setattr(cache.Decoded, "fill", lambda *given: filled.append(caplog.text))
    kept(tmp_path / "data", "data.cache=ram", at=tmp_path).reading("train")
    assert f"4 images and masks of folder, train decoded: {4 * 4 * 12 * 14 / 1e9:.2f} GB of memory" in filled[0]
    monkeypatch.setattr(cache, "free_memory", lambda: 4 * 4 * 12 * 14 - 1)
    data = kept(tmp_path / "data", "data.cache=ram", at=tmp_path)
    data.trainer = cast("Any", SimpleNamespace(num_devices=2))
    with pytest.raises(UserError, match=r"needs 0.00 GB of memory in each of 2 processes .* Set data.cache=disk"):
        data.reading("train")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 0))
    with pytest.raises(
        UserError, match=r"of shared memory .* /dev/shm has 0.00 GB left.* --shm-size=1g, or set data.c"
    ):
        kept(tmp_path / "data", "data.cache=ram", at=tmp_path).reading("train")
    with pytest.raises(UserError, match=r"GB of disk .* Set data.cache=null"):
        kept(tmp_path / "data", "data.cache=disk", at=tmp_path).reading("train")


def test_what_was_begun_does_not_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    make(tmp_path / "data")
    monkeypatch.setattr(cache.Decoded, "fill", stop)
    with pytest.raises(KeyboardInterrupt):
        kept(tmp_path / "data", "data.cache=disk", at=tmp_path / "kept").reading("train")
    assert not [*(tmp_path / "kept").glob("*.part")]


@pytest.mark.parametrize("where", WHERE)
def test_an_image_that_cannot_be_read_is_told_when_it_is_used(where: str, tmp_path: Path) -> None:
    make(tmp_path / "data")
    path = tmp_path / "data/images/photo_0.png"
    path.write_bytes(path.read_bytes()[:-40])
    read = kept(tmp_path / "data", f"data.cache={where}", at=tmp_path / "kept").reading("train")
    with pytest.raises(UserError, match="Cannot read .*photo_0.png"):
        read(0)
    assert np.array_equal(read(1)[1], truth(1))


@pytest.mark.slow
def test_a_training_with_a_cache_scores_as_one_without(tmp_path: Path, command: Command) -> None:
    root = make(tmp_path / "data")
    net = ("model.backbone.width=0.05", "model.backbone.fc_channels=8", "trainer=smoke", "logger=none")
    scores = []
    for number, more in enumerate(([], ["data.cache=ram"], ["data.cache=disk", "data.num_workers=2"])):
        outcome = command("train", *words(root, *more), *net, f"runs_dir=runs{number}")
        assert outcome.code == 0, outcome.text
        scores.append(outcome.value)
    assert scores[0] == scores[1] == scores[2]


def test_a_run_of_other_settings_takes_nothing_from_one_that_goes_on(tmp_path: Path) -> None:
    make(tmp_path / "data")
    first, other = (
        kept(tmp_path / "data", "data.cache=disk", f"data.channels={channels}", at=tmp_path / "kept")
        for channels in (3, 1)
    )
    read = first.reading("train")
    other.reading("train")
    assert len([*(tmp_path / "kept").glob("*.pixels")]) == 1
    assert np.array_equal(read(0)[1], truth(0))
    assert np.array_equal(pickle.loads(pickle.dumps(read))(0)[1], truth(0))


@pytest.mark.parametrize("where", WHERE)
def test_a_file_that_became_larger_since_it_was_looked_at_is_read_anew(where: Any, tmp_path: Path) -> None:
    make(tmp_path / "data")
    read = partial(folder(tmp_path / "data").read, "train")
    given: dict[str, Any] = {"channels": 3, "where": where, "file": tmp_path / "a.pixels", "name": "x", "threads": 1}
    assert np.array_equal(cache.Decoded(read, [(3, 4)], **given)(0)[1], truth(0))
