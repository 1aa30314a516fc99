"""An archive from elsewhere writes nowhere but in its folder, and what it holds is checked before it stays."""

import stat
import zipfile
from pathlib import Path

import pytest

from fcnlab.data.fetch import fetch_folder
from fcnlab.error import UserError


def zip_entry(name: str, mode: int = stat.S_IFREG | 0o644) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.external_attr = mode << 16
    return entry


@pytest.mark.parametrize(
    "entry",
    [
        zip_entry("x/CamVid/../../../../escaped.txt"),
        zip_entry("/escaped/CamVid/escaped.txt"),
        zip_entry("x/CamVid/..\\..\\escaped.txt"),
        zip_entry("x/CamVid/train", stat.S_IFLNK | 0o777),
    ],
    ids=["up", "absolute", "backslashes", "link"],
)
def test_an_archive_cannot_write_outside_its_folder(entry: zipfile.ZipInfo, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x/CamVid/train.txt", "")
        archive.writestr(entry, "/etc")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError, match="a link or a path out of its folder. Nothing of it was unpacked"):
        fetch_folder((tmp_path / "a.zip").as_uri(), folder="CamVid", target=tmp_path / "here" / "CamVid", check=print)
    assert sorted(tmp_path.rglob("*")) == sorted([*before, tmp_path / "here"])


def test_what_the_check_refuses_never_gets_the_folders_name(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(zip_entry("x/CamVid/train.txt"), "one")
    target = tmp_path / "here" / "CamVid"
    seen = []

    def killed(folder: Path) -> None:
        seen.append(((folder / "train.txt").read_text(), target.exists()))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch_folder((tmp_path / "a.zip").as_uri(), folder="CamVid", target=target, check=killed)
    assert seen == [("one", False)]
    assert list((tmp_path / "here").iterdir()) == []
    fetch_folder((tmp_path / "a.zip").as_uri(), folder="CamVid", target=target, check=lambda _: None)
    assert (target / "train.txt").read_text() == "one"
