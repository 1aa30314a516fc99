"""Hugging Face's data sets: the masks of every kind of column come out as they were made, and train."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from conftest import Command, made_once
from data.made import COLOURS, photo, truth

from fcnlab.cli.compose import build, compose
from fcnlab.data.files import FileData
from fcnlab.error import UserError

datasets = pytest.importorskip("datasets")
# fork in a process of many threads, which Hugging Face's library has started; and what Lightning tells of its test.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
NUMBERS = {"train": range(4), "validation": range(4, 6), "test": range(6, 8)}
CLASSES = "data.classes=[ground, leaf, stem]"
NET = (
    *("logger=none", "trainer=smoke", "trainer.enable_progress_bar=false", "trainer.precision=32-true"),
    *("model.backbone.width=0.05", "model.backbone.fc_channels=8", "data.batch_size=2", "data.num_workers=0"),
)


@pytest.fixture(scope="session", autouse=True)
def quiet(tmp_path_factory: pytest.TempPathFactory) -> None:
    datasets.disable_progress_bars()
    datasets.config.HF_DATASETS_CACHE = tmp_path_factory.mktemp("cache")


def table(numbers: range, mask: Any, kind: Any) -> Any:
    rows = {
        "image": [PIL.Image.fromarray(photo(i)) for i in numbers],
        "note": [f"photo {i}" for i in numbers],
        "annotation": [mask(truth(i)) for i in numbers],
    }
    features = {"image": datasets.Image(), "note": datasets.Value("string"), "annotation": kind}
    return datasets.Dataset.from_dict(rows, features=datasets.Features(features))


def make(folder: Path, mask: Any = PIL.Image.fromarray, kind: Any = None) -> Any:
    kind = kind or datasets.Image()
    whole = datasets.DatasetDict({split: table(some, mask, kind) for split, some in NUMBERS.items()})
    whole.save_to_disk(str(folder))
    return whole


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_once(tmp_path_factory, "huggingface", lambda folder: make(folder / "saved")) / "saved"


def load(root: Path, *words: str) -> FileData:
    data = build(compose("train", ["data=huggingface", f"data.root='{root}'", CLASSES, *words]).data)
    assert isinstance(data, FileData)
    return data


def as_made(data: FileData) -> bool:
    """Whether image and mask of every row are what they were made of."""
    for split, some in NUMBERS.items():
        for place, number in enumerate(some):
            image, mask = data.read(split.replace("validation", "val"), place)
            assert np.array_equal(image, photo(number))
            assert mask.dtype == np.uint8
            if not np.array_equal(mask, truth(number)):
                return False
    return True


def rgb(labels: np.ndarray) -> PIL.Image.Image:
    return PIL.Image.fromarray(COLOURS[labels])


@pytest.mark.parametrize("case", ["labels", "colours", "whole numbers"])
def test_every_mask_is_read_as_it_was_made(case: str, tmp_path: Path) -> None:
    rows = datasets.List(datasets.List(datasets.Value("int32")))
    how, words = {
        "labels": ((PIL.Image.fromarray,), ()),
        "colours": ((rgb,), ("data.colours=['#000000','#c81e1e','#1ec81e']",)),
        "whole numbers": ((lambda labels: labels.tolist(), rows), ("data.mask=annotation",)),
    }[case]
    make(tmp_path / "my data", *how)
    data = load(tmp_path / "my data", *words)
    assert as_made(data)
    assert data.image_shape("train", 0) == photo(0).shape[:2]
    assert data.fingerprint("test") != data.fingerprint("val")


def test_a_folder_of_parquet_files_is_the_same_data(root: Path, tmp_path: Path) -> None:
    for split, rows in datasets.load_from_disk(str(root)).items():
        rows.to_parquet(str(tmp_path / "files" / f"{split}-00000-of-00001.parquet"))
    data = load(tmp_path / "files")
    assert as_made(data)
    assert data.fingerprint("test") == load(root).fingerprint("test")


def test_splits_of_one_name_share_it(root: Path) -> None:
    data = load(root, "data.splits={train: train, val: train, test: test}", "data.fractions={train: 0.5, val: 0.5}")
    both = [*data.names("train"), *data.names("val")]
    assert sorted(both) == [f"train_{number:06}" for number in range(4)]
    assert data.names("val")


def test_rows_that_change_are_other_data(root: Path, tmp_path: Path) -> None:
    stamp = load(root).split_stamp("test")
    assert load(root).split_stamp("test") == stamp
    assert load(root, "data.labels=[0,2,1]").split_stamp("test") != stamp
    data = load(root)
    file = Path(data.tables["test"].cache_files[0]["filename"])
    os.utime(file, ns=(0, file.stat().st_mtime_ns + 10**9))
    assert load(root).split_stamp("test") != stamp


@pytest.mark.slow
def test_it_trains(root: Path, command: Command) -> None:
    outcome = command("train", "data=huggingface", f"data.root={root}", CLASSES, *NET)
    assert outcome.code == 0, outcome.text


TOLD = {
    "data.mask=masks": "has no column 'masks'. Known: annotation, image, note",
    "data.image=photo": "has no column 'photo'",
    "data.splits={val: dev}": "has no split 'dev'. Known: test, train, validation. Set data.splits.val",
    "data.image=annotation": "",  # the other column of images is image: read, and refused as a mask
    "data.root=nowhere/at-all": "Cannot load data.root=nowhere/at-all by the library datasets",
}


@pytest.mark.parametrize("word", TOLD)
def test_what_does_not_fit_is_told(word: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError) as told:
        load(root, word).read("val", 0)
    assert TOLD[word] in str(told.value)


def test_a_row_without_a_mask_is_told(tmp_path: Path) -> None:
    rows = {"image": [PIL.Image.fromarray(photo(0))], "mask": [None]}
    features = datasets.Features({"image": datasets.Image(), "mask": datasets.Image()})
    datasets.DatasetDict({"train": datasets.Dataset.from_dict(rows, features=features)}).save_to_disk(str(tmp_path))
    with pytest.raises(UserError, match="Row 0 has no mask. Every row needs an image and a mask"):
        load(tmp_path).read("train", 0)


def test_rows_of_large_numbers_are_kept_and_of_other_shapes_refused(tmp_path: Path) -> None:
    wide, deep = (truth(0).astype(int) * 300).tolist(), truth(0)[None].tolist()
    for name, mask in (("wide", wide), ("deep", deep)):
        rows = datasets.Dataset.from_dict({"image": [PIL.Image.fromarray(photo(0))], "mask": [mask]})
        datasets.DatasetDict({"train": rows}).save_to_disk(str(tmp_path / name))
    labels = "data.labels=[0,300,600]"
    assert (load(tmp_path / "wide", "data.mask=mask", labels).read("train", 0)[1] == truth(0)).all()
    with pytest.raises(UserError, match=r"holds int64 of shape \(1, 12, 14\). A mask is an image, or rows"):
        load(tmp_path / "deep", "data.mask=mask", labels).read("train", 0)
