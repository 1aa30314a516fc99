"""Data sets of torch: what they give is read as it was made, and what is no image or mask is refused in words."""

from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import PIL.Image
import pytest
import torch
import torchvision
from conftest import Command
from data.made import COLOURS, make, photo, truth
from torch.utils.data import DataLoader, Dataset, IterableDataset
from torchvision.transforms.v2 import functional

from fcnlab.cli.compose import build, compose
from fcnlab.data.dataset import TorchData
from fcnlab.error import UserError

CLASSES = "data.classes=[ground, leaf, stem]"
NUMBERS = {"train": range(4), "val": range(4, 6), "test": range(6, 8)}
HERE = "data.test_dataset"


def chw(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array).movedim(-1, 0)


def painted(labels: np.ndarray) -> PIL.Image.Image:
    image = PIL.Image.fromarray(labels).convert("P")
    image.putpalette(COLOURS.tobytes())
    return image


KINDS: dict[str, Any] = {
    "pil": lambda i: (PIL.Image.fromarray(photo(i)), PIL.Image.fromarray(truth(i))),
    "palette": lambda i: (PIL.Image.fromarray(photo(i)), PIL.Image.fromarray(truth(i)).convert("P")),
    "palette colours": lambda i: (photo(i), painted(truth(i))),
    "arrays": lambda i: [photo(i), truth(i).astype(np.int64)],
    "tensors": lambda i: (chw(photo(i)), torch.from_numpy(truth(i))[None].long()),
    "dict": lambda i: {"id": i, "image": chw(photo(i)), "mask": torch.from_numpy(truth(i)).int()},
    "negative": lambda i: (photo(i), torch.from_numpy(truth(i)).long() - 1),
    "floats": lambda i: (photo(i), truth(i) / 2),
    "other keys": lambda i: {"pixels": photo(i), "label": truth(i).astype(float)},
    "chw arrays": lambda i: (photo(i).transpose(2, 0, 1), truth(i)[None]),
    "to_tensor": lambda i: (functional.to_dtype(chw(photo(i)), torch.float32, scale=True), truth(i)),
    "colours": lambda i: (photo(i), chw(COLOURS[truth(i)])),
}
MORE = {
    "palette colours": ["data.colours=['#000000','#c81e1e','#1ec81e']"],
    "other keys": ["data.image=pixels", "data.mask=label"],
    "to_tensor": ["data.white=1"],
    "colours": ["data.colours=['#000000','#c81e1e','#1ec81e']"],
}


class Made(Dataset[Any]):
    """Items of one kind."""

    def __init__(self, kind: str, split: str = "train") -> None:
        self.kind, self.numbers = kind, NUMBERS.get(split, range(40))

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int) -> Any:
        return KINDS[self.kind](self.numbers[index])


class Module(L.LightningDataModule):
    """A LightningDataModule of somebody else."""

    def __init__(self, kind: str = "dict") -> None:
        super().__init__()
        self.kind = kind

    def prepare_data(self) -> None:
        self.fetched = True

    def setup(self, stage: str) -> None:
        self.sets = {split: Made(self.kind, split) for split in NUMBERS}

    def train_dataloader(self) -> Any:
        return DataLoader(self.sets["train"], batch_size=2, shuffle=True)

    def val_dataloader(self) -> Any:
        return DataLoader(self.sets["val"])

    def test_dataloader(self) -> Any:
        return DataLoader(self.sets["test"])


class Endless(IterableDataset[Any]):
    def __iter__(self) -> Any:
        yield from map(KINDS["pil"], range(4))


def load(*words: str) -> TorchData:
    data = build(compose("train", ["data=dataset", CLASSES, *words]).data)
    assert isinstance(data, TorchData)
    return data


def three(kind: str) -> list[str]:
    return [f"data.{split}={{_target_: {HERE}.Made, kind: {kind}, split: {split}}}" for split in NUMBERS]


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"negative", "floats"}))
def test_items_of_every_kind_are_read_as_they_were_made(kind: str) -> None:
    data = load(*three(kind), *MORE.get(kind, []))
    for split, numbers in NUMBERS.items():
        for place, number in enumerate(numbers):
            image, mask = data.read(split, place)
            assert np.array_equal(image, photo(number))
            assert (image.dtype, mask.dtype) == (np.uint8, np.uint8)
            assert np.array_equal(mask, truth(number))
    assert data.image_shape("train", 0) == truth(0).shape


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([*three("to_tensor")], "data.white"),
        ([*three("arrays"), "data.labels=[0, 1, 7]"], "label 2"),
        ([*three("arrays"), "data.mask=2"], "it has no 2"),
        ([*three("dict"), "data.mask=masks"], "the keys id, image, mask"),
        ([*three("to_tensor"), "data.mask=0", "data.white=1"], "float32 of shape"),
        ([*three("pil"), "data.channels=4"], "data.channels=4"),
        ([*three("negative")], "has labels -1 to 1"),
        ([*three("floats")], "from 0 to 1"),
        ([f"data.train={{_target_: {HERE}.Endless}}"], "IterableDataset"),
        ([], "data.train is missing"),
        ([f"data.module={{_target_: {HERE}.Made, kind: pil}}"], "must be a LightningDataModule"),
        ([f"data.train={{_target_: {HERE}.Made, kind: unknown}}"], "item 0 of data.train cannot be read: KeyError"),
    ],
)
def test_what_is_no_image_or_mask_is_refused(words: list[str], told: str) -> None:
    data = load(*words)
    with pytest.raises(UserError) as error:
        [data.read(split, 0) for split in NUMBERS]
    assert told in str(error.value)


def test_three_columns_are_no_channels_of_a_tensor_and_three_rows_none_of_an_array() -> None:
    data, values = load(*three("pil")), np.arange(3 * 4 * 3, dtype=np.uint8)
    rows = values.reshape(3, 4, 3)  # three rows, and three channels last
    assert np.array_equal(data.pixels(rows, "image"), rows)
    columns = torch.from_numpy(values.reshape(3, 4, 3))  # three channels first, and three columns
    assert np.array_equal(data.pixels(columns, "image"), columns.movedim(0, -1).numpy())


def test_splits_that_are_not_named_are_parts_of_train() -> None:
    data = load(f"data.train={{_target_: {HERE}.Made, kind: pil, split: all}}")
    parts = [set(data.names(split)) for split in NUMBERS]
    assert set.union(*parts) == {f"train_{number:06}" for number in range(40)}
    assert sum(map(len, parts)) == 40


def test_a_lightning_data_module_trains_is_tested_and_evaluated(command: Command) -> None:
    words = ["data=dataset", CLASSES, f"data.module={{_target_: {HERE}.Module}}", "data.batch_size=2"]
    net = ("model.backbone.width=0.05", "model.backbone.fc_channels=8", "logger=none", "trainer=smoke")
    outcome = command("train", *words, *net, "trainer.precision=32-true", "data.num_workers=0")
    assert outcome.code == 0, outcome.text
    (checkpoint,) = Path("runs").glob("*/checkpoints/last.ckpt")
    outcome = command("evaluate", f"checkpoint={checkpoint}", "output=scored", "trust=[data]")
    assert outcome.code == 0, outcome.text
    counts = dict(np.load(Path("scored") / "counts.npz"))
    assert counts["true"].sum() == sum(truth(number).size for number in NUMBERS["test"])


def test_torchvision_s_own_data_set_gives_what_its_files_hold(tmp_path: Path) -> None:
    make(tmp_path / "files", classes=None, image_name="JPEGImages/{}.png", mask_name="SegmentationClass/{}.png")
    voc = tmp_path / "VOCdevkit" / "VOC2012"
    (voc / "ImageSets" / "Segmentation").mkdir(parents=True)
    (voc / "ImageSets" / "Segmentation" / "train.txt").write_text("0\n1\n2\n")
    for name in ("JPEGImages", "SegmentationClass"):
        (tmp_path / "files" / name).rename(voc / name)
    for file in (voc / "JPEGImages").iterdir():
        file.rename(file.with_suffix(".jpg"))  # it opens them by content
    source = f"{{_target_: torchvision.datasets.VOCSegmentation, root: '{tmp_path}', image_set: train}}"
    data = load(f"data.train={source}", "data.fractions={train: 1, val: 0, test: 0}")
    theirs = torchvision.datasets.VOCSegmentation(str(tmp_path), image_set="train")
    assert [len(theirs), len(data.names("train"))] == [3, 3]
    for index in range(3):
        seen = data.read("train", index)
        assert all(np.array_equal(ours, np.array(one)) for ours, one in zip(seen, theirs[index], strict=True))
