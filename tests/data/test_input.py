"""Two tables, each case through the real command: what must work, and what must be refused with nothing lost."""

import hashlib
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from conftest import TINY, Command, Trained
from data.faults import FAULTS, image, make_folder, mask

from fcnlab.data.files import FileData

QUIET = ("logger=none", "trainer=smoke", "trainer.enable_progress_bar=false", "trainer.precision=32-true")
NARROW = (
    "model.backbone.width=0.05",
    "model.backbone.fc_channels=8",
    "data.batch_size=2",
    "data=folder",
    "data.lists=lists",
)
OWN = (*QUIET, *NARROW)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "my data")


def names(root: Path) -> None:
    for kind, suffix in (("images", ".jpg"), ("masks", ".png")):
        (root / kind / f"photo_0{suffix}").rename(root / kind / f"나의 사진 🌳 =1{suffix}")
    listing = root / "lists" / "train.txt"
    listing.write_text(listing.read_text().replace("photo_0", "나의 사진 🌳 =1"))


def one_pixel(root: Path) -> None:
    PIL.Image.new("RGB", (1, 1)).save(image(root))
    PIL.Image.new("L", (1, 1)).save(mask(root))


def almost_all_void(root: Path) -> None:
    for i in range(5):  # one training mask has labels
        with PIL.Image.open(root / "masks" / f"photo_{i}.png") as old:
            PIL.Image.new("L", old.size, 255).save(root / "masks" / f"photo_{i}.png")


def in_mode(root: Path, mode: str) -> None:
    with PIL.Image.open(image(root)) as photo:
        photo.convert(mode).save(image(root).with_suffix(".png"))
    image(root).unlink()


def turned(root: Path, mask_too: bool) -> None:
    with PIL.Image.open(image(root)) as photo:
        exif = photo.getexif()
        exif[0x0112] = 6  # to be turned by 90 degrees when shown
        photo.save(image(root), exif=exif)
    if mask_too:
        with PIL.Image.open(mask(root)) as labels:
            drawn = labels.transpose(PIL.Image.Transpose.ROTATE_270)
        drawn.save(mask(root))


WORKS = {
    "spaces, Hangul, emoji and an equals sign in names": names,
    "an image of one pixel": one_pixel,
    "masks that are all void but one": almost_all_void,
    "a grey image": lambda root: in_mode(root, "L"),
    "an image with transparency": lambda root: in_mode(root, "RGBA"),
    "an EXIF rotation, the mask drawn on what is shown": lambda root: turned(root, True),
    "an EXIF rotation, the mask drawn on what the file holds": lambda root: turned(root, False),
}


@pytest.mark.parametrize("case", WORKS)
def test_what_must_work_trains_and_is_scored(case: str, root: Path, command: Command) -> None:
    WORKS[case](root)
    place = root.rename(root.with_name("내 데이터 🌳 x=1"))
    outcome = command("train", *OWN, f"data.root='{place}'", "trainer.limit_train_batches=3")
    assert outcome.code == 0, outcome.text
    assert "test/mean_iou" in outcome.value


def test_a_path_that_hydra_cannot_read_is_told_how_to_quote(root: Path, command: Command) -> None:
    outcome = command("train", *OWN, f"data.root={root.with_name('a, (b)')}")
    assert outcome.code == 1
    assert "Quote" in outcome.text


@pytest.mark.slow
def test_an_unreachable_w_and_b_is_logged_offline_and_told(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:  # a port on which nobody listens
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
        monkeypatch.setenv("WANDB_BASE_URL", address)
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    tiny = [word for word in TINY if word != "logger=none"]
    outcome = command("train", *tiny, "trainer=smoke", "logger.wandb.offline=false", "runs_dir=elsewhere")
    assert outcome.code == 0, outcome.text
    assert f"{address} cannot be reached" in outcome.text
    assert "wandb: WARNING" not in outcome.text
    assert "this run is logged offline; send it with: wandb sync --yes elsewhere/wandb/offline-run-*" in outcome.text
    assert list(Path("elsewhere/wandb").glob("offline-run-*"))


def state(folder: Path) -> dict[str, str]:
    """Every file of a run folder by its hash."""
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def earlier(trained: Trained) -> Iterator[None]:
    """A finished run; whatever happens to another, it stays as it is."""
    before = state(trained.folder)
    yield
    assert state(trained.folder) == before


@pytest.mark.parametrize(
    ("case", "workers"), [*((case, 0) for case in FAULTS), ("truncated JPEG", 1), ("mask with label 37", 1)]
)
def test_what_must_be_refused_is_told_without_a_stack_trace(
    case: str, workers: int, root: Path, command: Command, earlier: None, trained: Trained
) -> None:
    fault, parts = FAULTS[case]
    fault(root)
    runs = f"runs_dir={trained.folder.parent}"
    words = (f"data.root='{root}'", f"data.num_workers={workers}", "trainer.limit_train_batches=3", "rerun=all")
    outcome = command("train", *OWN, *words, runs)
    assert outcome.code == 1
    for part in parts:
        assert part in outcome.text
    assert "Traceback" not in outcome.text


@pytest.mark.parametrize("workers", [0, 1])
def test_data_deleted_in_mid_epoch_are_named(
    workers: int, root: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, seen = FileData.read, []

    def delete_then_read(self, split, index):
        seen.append(index)
        if len(seen) == 3:
            shutil.rmtree(root / "images")
        return read(self, split, index)

    monkeypatch.setattr(FileData, "read", delete_then_read)
    words = (f"data.root='{root}'", f"data.num_workers={workers}", "trainer.limit_train_batches=3")
    outcome = command("train", *OWN, *words)
    assert outcome.code == 1
    assert "No such file or directory" in outcome.text
    assert "photo_" in outcome.text
    assert "Traceback" not in outcome.text


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of three megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", place], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


@pytest.mark.slow
def test_a_full_disk_is_told_and_what_was_there_stays(disk: Path, command: Command) -> None:
    first = command("train", *TINY, f"runs_dir={disk}")
    assert first.code == 0, first.text
    (run,) = disk.glob("shapes-*")
    before = state(run)
    outcome = None
    for room in (400_000, 100_000, 0):  # full at a checkpoint, earlier, and from the start
        with (disk / "filler").open("wb") as filler:
            try:
                while shutil.disk_usage(disk).free > room:
                    filler.write(bytes(min(4096, shutil.disk_usage(disk).free)))
                    filler.flush()
            except OSError:
                pass
        outcome = command("train", *TINY, f"runs_dir={disk}", "seed=1")
        assert outcome.code == 1
        assert "No space left on device" in outcome.text
        assert "runs_dir=..." in outcome.text
        assert "Traceback" not in outcome.text
    assert state(run) == before
    (disk / "filler").unlink()
    assert command("train", *TINY, f"runs_dir={disk}", "seed=1").code == 0  # with room again, the same command goes on


def test_a_read_only_run_folder_is_told(disk: Path, command: Command) -> None:
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    outcome = command("train", *TINY, f"runs_dir={disk}/runs")
    assert outcome.code == 1
    assert "Read-only file system" in outcome.text
    assert "Set runs_dir=..." in outcome.text


def test_a_file_where_the_run_folder_should_be_is_told(trained: Trained, command: Command, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / trained.folder.name).write_text("in the way")
    outcome = command("train", *TINY)
    assert outcome.code == 1
    assert "Cannot write to" in outcome.text
    assert "Set runs_dir=..." in outcome.text


@pytest.mark.parametrize("workers", [0, 2])
def test_by_choice_a_corrupt_training_image_is_skipped_and_counted(workers: int, root: Path, command: Command) -> None:
    import json

    FAULTS["truncated JPEG"][0](root)
    mask_of_other = root / "masks" / "photo_1.png"
    mask_of_other.write_bytes(b"")
    words = (f"data.root='{root}'", "data.on_bad_sample=skip", f"data.num_workers={workers}", "trainer=default")
    outcome = command("train", *OWN, *words, "epochs=2", "trainer.enable_progress_bar=false")
    assert outcome.code == 0, outcome.text
    (run,) = Path("runs").glob("plain-*")
    skipped = json.loads((run / "record.json").read_text())["skipped"]
    assert len(skipped) == 2
    assert sum(skipped.values()) >= 4  # both in both epochs
    assert all("photo_0.jpg" in message or "photo_1.png" in message for message in skipped)
    assert outcome.text.count("Skipped, another image is used instead") == 2
    assert "Training images that could not be read: 2, replaced by others" in outcome.text


def test_validation_and_test_images_are_never_skipped(root: Path, command: Command) -> None:
    path = root / "masks" / "photo_6.png"
    path.write_bytes(path.read_bytes()[:250])  # its header can be read
    outcome = command("train", *OWN, f"data.root='{root}'", "data.on_bad_sample=skip")
    assert outcome.code == 1
    assert "photo_6.png as an image" in outcome.text


def test_every_mode_of_an_image_gives_the_same_pixels_to_the_net(tmp_path: Path) -> None:
    from fcnlab.data.files import read_image

    grey = np.arange(48, dtype=np.uint8).reshape(6, 8)
    for mode in ("L", "RGB", "RGBA", "LA"):
        PIL.Image.fromarray(grey).convert(mode).save(tmp_path / f"{mode}.png")
        assert (read_image(tmp_path / f"{mode}.png") == grey[..., None]).all()
