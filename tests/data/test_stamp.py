"""A stamp changes with a file's content or time, and with settings that tell how files are read, and nothing else."""

import os
from pathlib import Path

from data.faults import make_folder

from fcnlab.cli.compose import build, compose
from fcnlab.data.stamp import file_stamp, own_settings


def test_a_file_of_the_same_size_has_another_stamp_when_it_was_written_again(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("one")
    before = file_stamp(file)
    file.write_text("two")
    os.utime(file, ns=(0, 1))
    assert file_stamp(file) != before
    assert file_stamp(tmp_path) is None
    assert file_stamp(tmp_path / "nothing") is None


def test_settings_of_reading_are_told_apart_and_others_are_not(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "data")

    def settings(*words: str) -> str:
        return own_settings(build(compose("train", ["data=folder", f"data.root={root}", *words]).data))

    plain = settings()
    assert plain == settings() == settings("data.batch_size=1", "data.num_workers=3", "data.image_size=[8,8]", "seed=5")
    for word in ("data.void_label=2", "data.labels=[0,2,1]", "data.on_bad_sample=skip", "data.shift=-1"):
        assert settings(word) != plain
