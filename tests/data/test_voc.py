"""VOC and SBD: the lists, where each mask comes from, void, no test image in training, and a download."""

import functools
import hashlib
import shutil
import tarfile
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from conftest import Command
from scipy.io import savemat
from torchvision.datasets import SBDataset
from torchvision.datasets.voc import DATASET_YEAR_DICT
from torchvision.models.segmentation import FCN_ResNet50_Weights

from fcnlab.cli.compose import build, compose
from fcnlab.data.palette import voc_palette
from fcnlab.data.sharing import split_by_hash
from fcnlab.data.voc import CLASSES, SEG11VALID, VOC
from fcnlab.error import UserError

VOC_TRAIN, VOC_VAL = ["2007_000032", "2009_000001", "2010_000002"], ["2007_000033", "2011_000003"]
SBD_TRAIN, SBD_VAL = ["2009_000001", "2008_000002", "2011_000003"], ["2010_000002", "2008_000008"]
NEW = ["2008_000002", "2008_000008"]  # SBD's images that VOC does not list
REAL = ("data.train_list=voc_train", "data.test_list=voc_val")  # the lists of a partial copy
HALF = "data.val_fraction=0.5"


def voc(root: Path, *overrides: str) -> VOC:
    data = build(compose("train", ["data=voc", f"data.root='{root}'", *overrides]).data)
    assert isinstance(data, VOC)
    return data


def make(root: Path, year: int = 2012) -> Path:
    """VOC and SBD in small: VOC's masks hold 1 and void, SBD's .mat files 2, SegmentationClassAug 3."""
    home, sbd = root / "VOCdevkit" / f"VOC{year}", root / "sbd"
    folders = [home / kind for kind in ("JPEGImages", "SegmentationClass", "SegmentationClassAug")]
    for folder in (*folders, home / "ImageSets" / "Segmentation", sbd / "img", sbd / "cls"):
        folder.mkdir(parents=True)
    for path, names in (
        (home / "ImageSets/Segmentation/train.txt", VOC_TRAIN),
        (home / "ImageSets/Segmentation/val.txt", VOC_VAL),
        (sbd / "train.txt", SBD_TRAIN),
        (sbd / "val.txt", SBD_VAL),
    ):
        path.write_text("".join(f"{name}\n" for name in names))
    for i, name in enumerate(dict.fromkeys(VOC_TRAIN + VOC_VAL + SBD_TRAIN + SBD_VAL)):
        mask = np.ones((40 + 8 * (i % 2), 50), np.uint8)
        for folder in (home / "JPEGImages", sbd / "img"):
            PIL.Image.fromarray(np.repeat(mask[..., None] * 90, 3, 2)).save(folder / f"{name}.jpg")
        savemat(sbd / "cls" / f"{name}.mat", {"GTcls": {"Segmentation": 2 * mask, "CategoriesPresent": [2]}})
        PIL.Image.fromarray(3 * mask).save(home / "SegmentationClassAug" / f"{name}.png")
        if name in VOC_TRAIN + VOC_VAL:
            mask[0] = 255
            palette = PIL.Image.fromarray(mask)
            palette.putpalette(np.array(voc_palette(256), np.uint8).flatten().tolist())
            palette.save(home / "SegmentationClass" / f"{name}.png")
    return root


def labels(data: VOC) -> dict[str, list[int]]:
    """The labels of each image that is trained on."""
    return {name: np.unique(data.read("train", i)[1]).tolist() for i, name in enumerate(data.names("train"))}


ALL = ("data.hold_out=false", "data.test_list=test.txt")
VOCS, MAT, PNG = [1, 255], [2], [3]


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["train_list=voc_train"], dict.fromkeys(VOC_TRAIN, VOCS)),
        (["train_list=sbd_train"], dict.fromkeys(SBD_TRAIN, MAT)),
        (["train_list=sbd_train", "sbd=png"], dict.fromkeys(SBD_TRAIN, PNG)),
        (["train_list=trainaug"], dict.fromkeys(VOC_TRAIN, VOCS) | dict.fromkeys(NEW, MAT)),
        (["train_list=trainaug", "sbd=png"], dict.fromkeys(VOC_TRAIN, VOCS) | dict.fromkeys(NEW, PNG)),
        (["train_list=mine.txt"], {"2011_000003": VOCS, "2008_000008": MAT}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_each_list_names_its_images_and_says_whose_masks_they_have(tmp_path: Path, overrides, expected) -> None:
    root = make(tmp_path / "V O C 한글")
    (root / "mine.txt").write_text("2011_000003\nimg/2008_000008.jpg cls/2008_000008.mat\n")
    (root / "test.txt").write_text("2007_000033\n")
    data = voc(root, *ALL, *(f"data.{word}" for word in overrides))
    assert labels(data) == expected
    for i in range(len(expected)):
        assert data.image_shape("train", i) == data.read("train", i)[1].shape


def test_a_trainaug_list_that_lies_there_is_followed(tmp_path: Path) -> None:
    root = make(tmp_path)
    shutil.rmtree(root / "sbd")
    (root / "VOCdevkit/VOC2012/ImageSets/Segmentation/trainaug.txt").write_text("2008_000002\n2007_000032\n")
    found = labels(voc(root, *ALL[:1], "data.train_list=trainaug", "data.test_list=voc_val", "data.sbd=png"))
    assert found == {"2008_000002": PNG, "2007_000032": VOCS}


def test_validation_is_a_part_of_the_training_list_by_hash(tmp_path: Path) -> None:
    lists = (HALF, "data.train_list=trainaug", "data.test_list=voc_val")
    val = [name for name in [*VOC_TRAIN, *NEW] if split_by_hash(name, {"val": 0.5, "train": 0.5}) == "val"]
    kept, all_of_it = voc(make(tmp_path), *lists), voc(tmp_path, *lists, "data.hold_out=false")
    assert sorted(kept.names("val")) == sorted(all_of_it.names("val")) == sorted(val)
    assert {*kept.names("train")} == {*all_of_it.names("train")} - {*val}
    assert len(all_of_it.names("train")) == 5


def test_a_training_list_with_a_test_image_is_refused(tmp_path: Path, command: Command) -> None:
    where = ("data=voc", f"data.root={make(tmp_path / 'voc')}", "logger=none", "model.backbone.width=0.02")
    outcome = command("train", *where, "data.train_list=sbd_train", "data.test_list=voc_val")
    assert outcome.code == 1
    assert "names 1 images of data.test_list=voc_val: 2011_000003" in outcome.text
    (tmp_path / "voc" / "mine.txt").write_text("2007_000032\n2007_000033\n")  # the latter is in seg11valid
    outcome = command("train", *where, "data.train_list=mine.txt")
    assert outcome.code == 1
    assert "names 1 images of data.test_list=seg11valid: 2007_000033" in outcome.text


def test_made_up_data_train_from_end_to_end(tmp_path: Path, command: Command) -> None:
    where = ("data=voc", f"data.root={make(tmp_path / 'voc')}", "data.image_size=[32,32]", "data.batch_size=2", HALF)
    how = ("logger=none", "trainer=smoke", "trainer.enable_progress_bar=false", "trainer.precision=32-true")
    net = ("model.backbone.width=0.05", "model.backbone.fc_channels=8", "loss.class_weights=median_frequency")
    outcome = command("train", *where, *how, *net, "data.train_list=trainaug", "data.test_list=voc_val")
    assert outcome.code == 0, outcome.text
    assert "test/iou/aeroplane" in outcome.value
    assert outcome.value.get("test/iou/cat", 0) == 0  # left out, or predicted and never true


HOME, AUG = "VOCdevkit/VOC2012", "VOCdevkit/VOC2012/SegmentationClassAug"


@pytest.mark.parametrize(
    ("setting", "broken", "told"),
    [
        (
            "test_list=seg11valid",
            f"{HOME}/JPEGImages",
            "one of 736 missing of 736.*VOC2012/ with JPEGImages.*May-2012.tar",
        ),
        ("year=2011", "VOCdevkit", "/VOC2011/ with JPEGImages.*VOCtrainval_25-May-2011.tar"),
        ("test_list=voc_val", f"{HOME}/ImageSets", "val.txt is missing.*data.download=true"),
        ("train_list=trainaug", "sbd", "sbd/train.txt is missing.*benchmark.tgz"),
        ("sbd=png", AUG, f"{AUG}/2.*is missing.*get SegmentationClassAug.zip by hand"),
        ("train_list=sbd_trian", AUG, "neither a list 'sbd_trian' nor a file .*Did you mean sbd_train"),
        ("year=2010", AUG, "data.year=2010 is not known. Did you mean 2012 or 2011?"),
        ("sbd=jpg", AUG, "data.sbd=jpg is not known"),
        ("val_fraction=1.5", AUG, "data.val_fraction=1.5 is not a number above 0 and below 1"),
    ],
)
def test_what_is_not_there_is_told_with_its_path(tmp_path: Path, setting: str, broken: str, told: str) -> None:
    shutil.rmtree(make(tmp_path) / broken)
    with pytest.raises(UserError, match=told):
        voc(tmp_path, f"data.{setting}").names("test" if setting.startswith(("test", "year")) else "train")


def test_a_broken_mat_file_is_named(tmp_path: Path) -> None:
    data = voc(make(tmp_path), "data.train_list=sbd_train", "data.test_list=seg11valid", "data.hold_out=false")
    (tmp_path / "sbd/cls/2008_000002.mat").write_bytes(b"hello")
    with pytest.raises(UserError, match="2008_000002.mat as an image"):
        data.read("train", data.names("train").index("2008_000002"))


def test_masks_are_read_where_images_are_not_there(tmp_path: Path) -> None:
    root = make(tmp_path)
    shutil.rmtree(root / "VOCdevkit/VOC2012/JPEGImages")
    shutil.rmtree(root / "sbd")
    data = voc(root, "data.test_list=voc_val")
    assert [np.unique(mask).tolist() for mask in data.masks("test")] == [VOCS, VOCS]
    with pytest.raises(UserError, match="JPEGImages/2007_000033.jpg of split 'test' is missing, one of 2"):
        data.names("test")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """The address at which this machine serves ``tmp_path``: torchvision's download needs http."""
    handler = functools.partial(SimpleHTTPRequestHandler, directory=tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


# torchvision 0.29 unpacks without a filter, of which tarfile warns from Python 3.12 on.
@pytest.mark.filterwarnings("ignore:Python 3.14 will:DeprecationWarning")
@pytest.mark.parametrize("year", [2011, 2012])
def test_torchvision_downloads_and_unpacks(
    tmp_path: Path, site: str, monkeypatch: pytest.MonkeyPatch, year: int
) -> None:
    source = make(tmp_path / "source", year)
    base = Path(DATASET_YEAR_DICT[str(year)]["base_dir"])  # VOC2011's archive unpacks one level deeper
    archives = {"voc.tar": ("VOCdevkit", base.parent), "sbd.tgz": ("sbd", Path("benchmark_RELEASE/dataset"))}
    (source / "sbd" / "inst").mkdir()
    for name, (folder, inside) in archives.items():
        with tarfile.open(tmp_path / name, "w:gz" if name.endswith("gz") else "w") as archive:
            archive.add(source / folder, inside)
    sums = {name: hashlib.md5((tmp_path / name).read_bytes()).hexdigest() for name in archives}
    known = {"url": f"{site}/voc.tar", "md5": sums["voc.tar"]}
    monkeypatch.setitem(DATASET_YEAR_DICT, str(year), DATASET_YEAR_DICT[str(year)] | known)
    monkeypatch.setattr(SBDataset, "url", f"{site}/sbd.tgz")
    monkeypatch.setattr(SBDataset, "md5", "0" * 32)
    root = tmp_path / "here"
    data = voc(
        root, f"data.year={year}", "data.download=true", "data.train_list=trainaug", "data.test_list=voc_val", HALF
    )
    with pytest.raises(UserError, match="Cannot fetch SBD: .*Get it by hand"):
        data.prepare_data()
    assert [path.name for path in root.iterdir()] == ["VOCdevkit"]  # what was whole stays, of the rest nothing
    monkeypatch.setattr(SBDataset, "md5", sums["sbd.tgz"])
    data.prepare_data()
    assert len(data.names("train")) + len(data.names("val")) == 5
    assert list(data.names("test")) == VOC_VAL
    assert sorted(path.name for path in root.iterdir()) == ["VOCdevkit", "sbd"]


def test_an_unpacked_archive_of_2011_may_stay_as_it_is(tmp_path: Path) -> None:
    make(tmp_path / "TrainVal", 2011)
    assert list(voc(tmp_path, "data.year=2011", "data.test_list=voc_val").names("test")) == VOC_VAL


def test_seg11valid_classes_and_colours_are_the_published_ones(test_data: Path) -> None:
    assert SEG11VALID.read_text() == (test_data / "seg11valid.txt").read_text()
    data = voc(test_data, *REAL)
    assert list(data.class_names[1:]) == FCN_ResNet50_Weights.DEFAULT.meta["categories"][1:]
    with PIL.Image.open(next(iter((data.home / "SegmentationClass").iterdir()))) as mask:
        assert mask.getpalette()[: 3 * 21] == [value for colour in data.palette for value in colour]


def test_real_pairs_have_facts_and_void(test_data: Path) -> None:
    data = voc(test_data, *REAL)
    assert [len(data.names(split)) for split in ("train", "val", "test")] == [95, 5, 120]
    assert {*data.names("test")} <= {*SEG11VALID.read_text().split()}
    image, mask = data.read("test", 0)
    assert image.shape[:2] == mask.shape == data.image_shape("test", 0)
    assert {0, 255} <= {*np.unique(mask)} <= {*range(21), 255}
    weights = dict(zip(CLASSES, data.median_frequency_weights(), strict=True))
    assert 0 < weights["background"] < weights["cat"] < weights["bottle"]
    assert weights["boat"] == 0  # not among these images
    assert data.fingerprint("val") == voc(test_data, *REAL, "data.image_size=[64,64]").fingerprint("val")
    assert data.fingerprint("val") != data.fingerprint("test")


def test_a_partial_copy_is_used_only_if_lists_say_so(test_data: Path) -> None:
    with pytest.raises(UserError, match="one of 616 missing of 736"):
        voc(test_data, "data.train_list=voc_train").names("test")
