"""NYUDv2 in the authors' folders and in the official file: the same labels, and each input as it was made."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
from conftest import Command
from data.scenes import NET, labels, photo, save

from fcnlab.cli.compose import build, compose

NUMBERS = [1, 4, 5, 9, 11, 12, 20, 21, 22]  # of the official 1,449, counted from 1
TESTED = [2, 3, 30]
KINDS = ("color", "depth", "hha", "color-depth", "color-hha")


def depth(seed: int) -> np.ndarray:
    """Millimetres, 0 where there is none."""
    made = np.random.default_rng(seed).integers(400, 11000, (40, 48)).astype(np.uint16)
    made[:3] = 0
    return made


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make(tmp_path)


def make(tmp_path: Path) -> Path:
    for number in NUMBERS + TESTED:
        name = f"img_{5000 + number}"
        save(photo(number), tmp_path / "data/images" / f"{name}.png")
        save(depth(number), tmp_path / "data/depth" / f"{name}.png")
        save(photo(100 + number), tmp_path / "data/hha" / f"{name}.png")
        (tmp_path / "segmentation").mkdir(exist_ok=True)
        mask = labels(number, list(range(41))).astype(np.uint16)
        scipy.io.savemat(tmp_path / "segmentation" / f"{name}.mat", {"segmentation": mask})
    (tmp_path / "trainval.txt").write_text("".join(f"{5000 + n}\n" for n in NUMBERS))
    (tmp_path / "test.txt").write_text("".join(f"img_{5000 + n}\n" for n in TESTED))
    return tmp_path


def official(root: Path) -> None:
    """The same scenes in the official file: 894 labels, columns first."""
    to_40 = np.random.default_rng(0).integers(1, 41, 894)
    to_40[:40] = np.arange(1, 41)
    with h5py.File(root / "nyu_depth_v2_labeled.mat", "w") as file:
        images, depths, masks = (
            file.create_dataset(*what)
            for what in (
                ("images", (30, 3, 48, 40), "u1"),
                ("depths", (30, 48, 40), "f4"),
                ("labels", (30, 48, 40), "u2"),
            )
        )
        for number in NUMBERS + TESTED:
            images[number - 1] = photo(number).T
            depths[number - 1] = depth(number).T / 1000
            masks[number - 1] = labels(number, list(range(41))).T
    scipy.io.savemat(root / "classMapping40.mat", {"mapClass": to_40[None]})
    scipy.io.savemat(root / "splits.mat", {"trainNdxs": np.array([NUMBERS]).T, "testNdxs": np.array([TESTED]).T})


def words(root: Path, kind: str = "color", files: str = "files") -> list[str]:
    channels = {"color": 3, "depth": 1, "hha": 3, "color-depth": 4, "color-hha": 6}[kind]
    own = ["data=nyud", f"data.root={root}", f"data.input={kind}", f"data.channels={channels}", f"data.files={files}"]
    return [*own, "data.val_fraction=0.3", "data.complete=false"]


def expected(kind: str, number: int) -> np.ndarray:
    with np.errstate(divide="ignore"):
        far = 255 * (np.log(depth(number) / 500.0)) / np.log(20.0)
    deep = np.clip(np.rint(np.clip(far, 0, 255)), 0, 255).astype(np.uint8)[..., None]
    return {
        "color": photo(number),
        "hha": photo(100 + number),
        "depth": deep,
        "color-depth": np.concatenate([photo(number), deep], -1),
        "color-hha": np.concatenate([photo(number), photo(100 + number)], -1),
    }[kind]


@pytest.mark.parametrize(
    ("kind", "files"),
    [
        *((kind, "files") for kind in ("color", "depth", "hha", "color-depth", "color-hha")),
        ("color", "mat"),
        ("color-depth", "mat"),
    ],
)
def test_each_input_is_as_it_was_made(kind: str, files: str, root: Path) -> None:
    official(root)
    data = build(compose("train", words(root, kind, files)).data)
    assert len(data.class_names) == 40
    assert list(data.names("test")) == ["img_5002", "img_5003", "img_5030"]
    for index, number in enumerate(TESTED):
        image, mask = data.read("test", index)
        made = labels(number, list(range(41)))
        assert (mask == np.where(made == 0, 255, made - 1)).all()
        assert np.abs(image.astype(int) - expected(kind, number)).max() <= (1 if files == "mat" else 0)


def trained(root: Path, *more: str) -> list[list[str]]:
    data = build(compose("train", [*words(root), *more]).data)
    return [list(data.names(split)) for split in ("train", "val")]


def test_two_lists_of_what_is_trained_are_as_good_as_one(root: Path) -> None:
    numbers, one = (root / "trainval.txt").read_text().splitlines(), trained(root)
    assert all(one)
    assert sorted(one[0] + one[1]) == [f"img_{number}" for number in numbers]
    (root / "train.txt").write_text("\n".join(numbers[:4]))  # as the authors keep them
    (root / "val.txt").write_text("\n".join(numbers[4:-1]))
    assert trained(root) == one  # trainval.txt is there too, and is what counts
    (root / "val.txt").write_text("\n".join(numbers[4:]))
    (root / "trainval.txt").unlink()
    assert trained(root) == one


@pytest.mark.parametrize(("kind", "files"), [("color-depth", "files"), ("depth", "files"), ("color", "mat")])
def test_it_trains(kind: str, files: str, root: Path, command: Command) -> None:
    official(root)
    outcome = command("train", *words(root, kind, files), *NET, "data.augment=[]")
    assert outcome.code == 0, outcome.text


def test_what_does_not_go_together_is_told(root: Path, command: Command) -> None:
    official(root)
    for more, part in (
        (["data.input=color-depth"], "data.input=color-depth has 4 channels: set data.channels=4"),
        (["data.input=hha", "data.files=mat"], "data.input=hha needs data.files=files"),
        (["data.input=colour"], "Did you mean color"),
        (["data.complete=true"], "has 9 images, the published nyud 795"),
    ):
        outcome = command("train", *words(root), *NET, *more)
        assert outcome.code == 1
        assert part in outcome.text
