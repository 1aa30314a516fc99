"""Prediction answers at each image's own size, as the scored net would."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from conftest import Command, Trained

from fcnlab.cli.compose import build, compose
from fcnlab.task.segmentation import SegmentationTask

QUIET = "trainer.enable_progress_bar=false"


def read(path: Path) -> np.ndarray:
    with PIL.Image.open(path) as picture:
        return np.array(picture)


def test_predict_writes_what_the_test_of_the_training_saw(trained: Trained, command: Command, tmp_path: Path) -> None:
    words = ["data=shapes", "data.images.test=7", "data.size=64"]
    data = build(compose("train", words).data)
    for i, name in enumerate(data.names("test")):
        PIL.Image.fromarray(data.read("test", i)[0]).save(tmp_path / f"{name}.png")
    outcome = command("predict", f"checkpoint={trained.checkpoint}", f"images={tmp_path}", "output=out", QUIET)
    assert outcome.code == 0, outcome.text
    assert len(outcome.value) == 7
    for path in map(Path, outcome.value):
        assert (read(path) == read(trained.folder / "predictions" / path.name)).all()
        assert read(path.with_name(f"{path.stem}_overlay.png")).shape == (64, 64, 3)
        assert read(path.with_name(f"{path.stem}_colour.png")).shape == (64, 64, 3)


def test_a_trained_net_is_used_from_python_in_two_lines(lively: Trained, command: Command, tmp_path: Path) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    PIL.Image.fromarray(photo).save(tmp_path / "photo.png")
    for words in ((), ("data.image_size=[32,48]",)):
        out = f"output=out{len(words)}"
        exact = ("trainer.precision=32-true", "channels_last=false", QUIET)
        outcome = command(
            "predict", f"checkpoint={lively.checkpoint}", f"images={tmp_path}/photo.png", out, *exact, *words
        )
        assert outcome.code == 0, outcome.text
        task = SegmentationTask.load(lively.checkpoint)
        task.config["data"]["image_size"] = [32, 48] if words else None
        labels = task.label(photo)
        assert labels.dtype == np.uint8
        assert (labels == read(Path(outcome.value[0]))).all()
        assert len(np.unique(labels)) > 1


@pytest.mark.parametrize("size", [(1, 1), (37, 90)])
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_any_image_is_answered_at_its_own_size(
    trained: Trained, command: Command, tmp_path: Path, size: tuple[int, int], mode: str
) -> None:
    PIL.Image.new(mode, size).save(tmp_path / "나의 사진 🌳.png")
    words = [f"images='{tmp_path}/나의 사진 🌳.png'", "output='o u t'", "data.image_size=[32,32]"]
    outcome = command("predict", f"checkpoint={trained.checkpoint}", *words, QUIET)
    assert outcome.code == 0, outcome.text
    assert read(Path("o u t/나의 사진 🌳.png")).shape == size[::-1]


@pytest.mark.parametrize("names", [["photo.png"], ["a.png", "a_colour.png"], ["b.jpg", "b_overlay.jpg"]], ids=" ".join)
def test_no_photo_and_no_output_is_overwritten(
    trained: Trained, command: Command, tmp_path: Path, names: list[str]
) -> None:
    (tmp_path / "photos").mkdir()
    for name in names:
        PIL.Image.new("RGB", (9, 7), (1, 2, 3)).save(tmp_path / "photos" / name)
    place = tmp_path / "photos" if names[0] != "b.jpg" else tmp_path / "out"
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    outcome = command("predict", f"checkpoint={trained.checkpoint}", "images=photos", f"output={place}", QUIET)
    assert outcome.code == 1
    assert "would overwrite" in outcome.text
    assert "Set output=..." in outcome.text
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


@pytest.mark.slow
def test_a_large_photo_is_predicted_in_the_memory_that_the_readme_tells(trained: Trained, tmp_path: Path) -> None:
    if not Path("/proc/self/status").is_file():
        pytest.skip("memory is told by Linux's /proc")
    rows, columns = np.ogrid[:4000, :6000]
    photo = np.stack([(rows + columns) % 256, rows % 256 + 0 * columns, columns % 256 + 0 * rows], 2).astype(np.uint8)
    PIL.Image.fromarray(photo).save(tmp_path / "large.jpg")
    code = "from fcnlab.predict import main; main(); print(open('/proc/self/status').read())"
    words = (f"checkpoint={trained.checkpoint}", "images=large.jpg", "output=out", QUIET)
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=500
    )
    assert done.returncode == 0, done.stderr
    assert read(tmp_path / "out" / "large.png").shape == (4000, 6000)
    (kilobytes,) = re.findall(r"VmHWM:\s*(\d+) kB", done.stdout)  # the most that was ever resident
    assert int(kilobytes) < 2.5 * 2**20


def test_nothing_to_segment_and_nowhere_to_write_are_told(trained: Trained, command: Command, tmp_path: Path) -> None:
    known = f"checkpoint={trained.checkpoint}"
    outcome = command("predict", known, "images=nowhere", "output=o")
    assert outcome.code == 1
    assert "No images at images=nowhere" in outcome.text
    PIL.Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    (tmp_path / "file").write_text("in the way")
    outcome = command("predict", known, "images=a.png", "output=file/masks")
    assert outcome.code == 1
    assert "Cannot write to output=file/masks" in outcome.text
