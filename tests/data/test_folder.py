"""Folder: a person's own images train through the real command, and every fault of theirs gets a message."""

import shutil
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import yaml
from conftest import Command
from data.faults import make_folder

from fcnlab.cli.compose import build, compose
from fcnlab.error import UserError
from fcnlab.run.record import Run

SMALL = (
    "data=folder",
    "logger=none",
    "trainer=smoke",
    "trainer.enable_progress_bar=false",
    "trainer.precision=32-true",
)
SPLITS = ("train", "val", "test")
NARROW = ("model.backbone.width=0.05", "model.backbone.fc_channels=8", "data.batch_size=2")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Twelve images of several sizes with palette masks, class names in a text file."""
    folder = make_folder(tmp_path / "my data")
    shutil.rmtree(folder / "lists")
    return folder


def lists(root: Path, **splits: list[int]) -> str:
    (root / "lists").mkdir()
    for split in ("train", "val", "test"):
        (root / "lists" / f"{split}.txt").write_text("".join(f"photo_{i}\n" for i in splits[split]))
    return "data.lists=lists"


def test_a_persons_own_images_train_and_evaluate(root: Path, command: Command) -> None:
    by_list = lists(root, train=list(range(6)), val=[6, 7], test=[8, 9, 10])
    outcome = command("train", *SMALL, *NARROW, f"data.root={root}", by_list)
    assert outcome.code == 0, outcome.text
    assert {"test/mean_iou", "test/iou/ground", "test/iou/leaf"} <= set(outcome.value)


@pytest.mark.slow
def test_a_run_has_one_set_of_data(root: Path, command: Command, tmp_path: Path) -> None:
    words = [*SMALL, *NARROW, lists(root, train=list(range(6)), val=[6, 7], test=[8, 9, 10])]
    assert command("train", *words, f"data.root={root}").code == 0
    moved = shutil.copytree(root, tmp_path / "moved")
    assert command("train", *words, f"data.root={moved}").code == 0  # the same data in another place
    PIL.Image.new("L", (50, 56), 1).save(moved / "masks" / "photo_8.png")
    other = command("train", *words, f"data.root={moved}")
    assert other.code == 1
    assert "was trained on other data: the fingerprint of test has changed" in other.text


def test_a_finished_run_is_not_passed_off_as_one_of_images_that_changed_under_their_masks(
    root: Path, command: Command
) -> None:
    words = [*SMALL, *NARROW, f"data.root={root}", lists(root, train=list(range(6)), val=[6, 7], test=[8, 9, 10])]
    assert command("train", *words, "model=fcn32s").code == 0
    (image,) = (root / "images").glob("photo_0.*")
    pixels = 255 - np.asarray(PIL.Image.open(image))
    PIL.Image.fromarray(pixels).save(image)
    again = command("train", *words, "model=fcn32s")
    assert again.code == 1
    assert "was trained on other data: the fingerprint of images of train has changed" in again.text


@pytest.mark.slow
def test_a_finished_run_is_not_passed_off_as_one_of_masks_that_changed(root: Path, command: Command) -> None:
    words = [*SMALL, *NARROW, f"data.root={root}", lists(root, train=list(range(6)), val=[6, 7], test=[8, 9, 10])]
    assert command("train", *words, "model=fcn32s").code == 0
    assert command("train", *words, "model=fcn32s").code == 0
    PIL.Image.new("L", (50, 56), 1).save(root / "masks" / "photo_8.png")
    again = command("train", *words, "model=fcn32s")
    assert again.code == 1
    assert "was trained on other data: the fingerprint of test has changed" in again.text
    stage = command("train", *words, "model=fcn16s", "start=coarser")
    assert stage.code == 1
    assert "was trained on other data: the fingerprint of test differs. A stage goes on with the data of" in stage.text
    shutil.rmtree(root)  # a finished run needs no data
    assert command("train", *words, "model=fcn32s").code == 0


def test_no_image_is_both_learnt_and_tested(root: Path, command: Command) -> None:
    words = [*SMALL, *NARROW, f"data.root={root}", lists(root, train=[0, 1, 8], val=[6, 7], test=[8, 9, 10])]
    outcome = command("train", *words)
    assert outcome.code == 1
    assert "1 images of data=folder are in both train and test: photo_8. No image may be both" in outcome.text


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("classes.txt", b"\xef\xbb\xbfground\nleaf\nstem\n", ""),
        ("classes.txt", "grün\nleaf\nstem\n".encode("latin-1"), "classes.txt is no text in UTF-8"),
        ("names.yaml", b"- ground\n- [leaf\n", "names.yaml is no YAML"),
    ],
)
def test_class_names_are_read_as_editors_write_them(root: Path, name: str, content: bytes, told: str) -> None:
    (root / name).write_bytes(content)
    words = ["data=folder", f"data.root='{root}'", f"data.classes={name}"]
    if told:
        with pytest.raises(UserError, match=told):
            build(compose("train", words).data)
    else:
        assert build(compose("train", words).data).class_names == ("ground", "leaf", "stem")


def test_without_lists_every_image_lands_in_one_split(root: Path) -> None:
    even = "data.fractions={train: 0.4, val: 0.3, test: 0.3}"
    data = build(compose("train", ["data=folder", f"data.root='{root}'", even]).data)
    names = [name for split in ("train", "val", "test") for name in data.names(split)]
    assert sorted(names) == sorted(f"photo_{i}" for i in range(12))


def test_a_split_that_no_name_falls_into_is_refused(root: Path, command: Command) -> None:
    outcome = command("train", *SMALL, f"data.root={root}", "data.fractions={train: 1.0, val: 0.0, test: 0.0}")
    assert outcome.code == 1
    assert "None of 12 images falls into split 'val'" in outcome.text


def test_a_dot_in_a_listed_name_is_no_suffix(root: Path) -> None:
    for i in range(3):
        (root / "images" / f"photo_{i}.jpg").rename(root / "images" / f"scene.000{i}.jpg")
        (root / "masks" / f"photo_{i}.png").rename(root / "masks" / f"scene.000{i}.png")
    by_list = lists(root, train=[3], val=[4], test=[5])
    (root / "lists" / "train.txt").write_text("scene.0000\nscene.0001.JPG\nimages/scene.0002.png\nphoto_3\n")
    data = build(compose("train", ["data=folder", f"data.root='{root}'", by_list]).data)
    assert list(data.names("train")) == ["scene.0000", "scene.0001", "scene.0002", "photo_3"]


@pytest.mark.parametrize("kind", ["images", "masks"])
def test_two_files_of_one_name_are_refused(root: Path, kind: str, command: Command) -> None:
    PIL.Image.new("L", (50, 40)).save(root / kind / "photo_0.bmp")
    outcome = command("train", *SMALL, *NARROW, f"data.root='{root}'")
    assert outcome.code == 1
    assert f"{kind} holds photo_0.bmp and photo_0." in outcome.text
    assert "Keep one, or rename it" in outcome.text


def test_class_names_may_come_from_yaml(root: Path) -> None:
    (root / "names.yaml").write_text("0: ground\n2: stem\n1: leaf\n")
    data = build(compose("train", ["data=folder", f"data.root='{root}'", "data.classes=names.yaml"]).data)
    assert data.class_names == ("ground", "leaf", "stem")


def test_training_pads_a_batch_with_void_and_scoring_never_pads(root: Path) -> None:
    where = [f"data.root='{root}'", lists(root, train=list(range(6)), val=list(range(12)), test=[1])]
    data = build(compose("train", ["data=folder", *where, "data.batch_size=3", "data.augment=[]"]).data)
    padded = [batch["mask"] for batch in data.loader("train", training=True)]
    assert any((mask == 255).any() for mask in padded)
    for batch in data.loader("val"):
        assert not (batch["mask"] == 255).any()
        assert batch["image"].shape[-2:] == batch["mask"].shape[-2:]


def test_a_missing_root_says_what_to_do(command: Command, tmp_path: Path) -> None:
    outcome = command("train", "data=camvid", f"data.root={tmp_path}/nowhere", "logger=none", *NARROW)
    assert outcome.code == 1
    for part in (f"no folder data.root={tmp_path}/nowhere", "Expected", "data.download=true", "data=shapes"):
        assert part in outcome.text


ABSENT = {
    "no list of test images": (lambda root: (root / "lists" / "test.txt").unlink(), ["test=false"]),
    "test images without masks": (
        lambda root: [(root / "masks" / f"photo_{i}.png").unlink() for i in (8, 9, 10)],
        ["test=false"],
    ),
    "no list of val images": (
        lambda root: (root / "lists" / "val.txt").unlink(),
        ["score=last", "trainer.limit_val_batches=0"],
    ),
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`ModelCheckpoint")  # which finds no score of the validation that there is not
@pytest.mark.parametrize("case", ABSENT)
def test_what_is_not_used_need_not_be_there(case: str, root: Path, command: Command) -> None:
    by_list = lists(root, train=list(range(6)), val=[6, 7], test=[8, 9, 10])
    remove, typed = ABSENT[case]
    remove(root)
    words = [*SMALL, *NARROW, f"data.root={root}", by_list]
    refused = command("train", *words)
    assert refused.code == 1
    assert " is missing" in refused.text
    outcome = command("train", *words, *typed)
    assert outcome.code == 0, outcome.text
    assert ("test/mean_iou" in outcome.value) == ("test=false" not in typed)
    assert command("train", *words, *typed).code == 0  # a finished run, seen again


def test_without_a_share_for_the_test_split_nothing_is_tested(root: Path, command: Command) -> None:
    shares = "data.fractions={train: 0.6, val: 0.4, test: 0}"
    outcome = command("train", *SMALL, *NARROW, f"data.root={root}", shares, "test=false")
    assert outcome.code == 0, outcome.text


@pytest.mark.slow
def test_a_run_that_was_not_tested_is_tested_later(root: Path, command: Command) -> None:
    words = [*SMALL, *NARROW, f"data.root={root}", lists(root, train=list(range(6)), val=[6, 7], test=[8, 9, 10])]
    assert command("train", *words, "test=false", "model=fcn32s").code == 0
    (run,) = (path.parent for path in Path("runs").glob("*/config.yaml"))
    assert set(Run(yaml.safe_load((run / "config.yaml").read_text())).record["fingerprint"]) == {
        *("train", "val", "images of train", "images of val")
    }
    now = {"train": "other", "val": "other", "test": "never looked at before"}
    assert Run(yaml.safe_load((run / "config.yaml").read_text())).other_splits(now) == ["train", "val"]
    learnt = (run / "history.csv").read_bytes()
    for _ in "12":
        outcome = command("train", *words, "model=fcn32s")
        assert outcome.code == 0, outcome.text
        assert "test/mean_iou" in outcome.value
        assert [path.parent for path in Path("runs").glob("*/config.yaml")] == [run]
        assert (run / "history.csv").read_bytes() == learnt  # nothing is learnt again
    assert "is finished; nothing to train" in outcome.text
    assert "is finished; nothing to train" in command("train", *words, "model=fcn32s", "test=false").text


def test_runs_without_a_test_are_left_out_of_a_comparison(root: Path, command: Command) -> None:
    words = [*SMALL, *NARROW, f"data.root={root}", lists(root, train=list(range(6)), val=[6, 7], test=[8, 9, 10])]
    assert command("train", *words, "test=false").code == 0
    outcome = command("compare", "runs=runs/*")
    assert outcome.code == 1
    assert "Traceback" not in outcome.text


def test_a_class_called_void_counts_nowhere(root: Path, command: Command) -> None:
    (root / "classes.txt").write_text("void\nleaf\nstem\n")
    words = [*SMALL, *NARROW, f"data.root={root}", lists(root, train=list(range(6)), val=[6, 7], test=[8, 9, 10])]
    outcome = command("train", *words)
    assert outcome.code == 0, outcome.text
    assert {key for key in outcome.value if key.startswith("test/iou/")} <= {"test/iou/leaf", "test/iou/stem"}
    assert "void" not in " ".join(outcome.value)


@pytest.mark.parametrize("which", ["images", "masks"])
def test_one_side_may_tell_the_split_for_both(which: str, tmp_path: Path) -> None:
    root = make_folder(tmp_path / "data")
    shutil.rmtree(root / "lists")
    for number, path in enumerate(sorted((root / which).glob("photo_*"))):
        folder = root / which / ("train", "val", "test")[number % 3]
        folder.mkdir(exist_ok=True)
        path.rename(folder / path.name)
    typed = [f"data.root={root}", f"data.{which}='{which}/{{split}}/{{name}}.*'"]
    data = build(compose("train", ["data=folder", *typed]).data)
    found = {split: [(pair.image.stem, pair.mask.stem) for pair in data.checked_pairs(split)] for split in SPLITS}
    lying = {split: sorted(path.stem for path in (root / which / split).iterdir()) for split in SPLITS}
    assert found == {split: [(name, name) for name in names] for split, names in lying.items()}


def test_one_mask_of_images_of_two_splits_is_refused(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "data")
    for split in SPLITS:
        shutil.copytree(root / "images", root / "photos" / split)
    data = build(compose("train", ["data=folder", f"data.root={root}", "data.images='photos/{split}/{name}.*'"]).data)
    with pytest.raises(UserError, match=r"is the mask of both .*photos/train/photo_\d.* and .*Put {split} into"):
        data.checked_pairs("train")
