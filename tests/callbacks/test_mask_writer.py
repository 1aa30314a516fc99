"""Every mask is written as labels, in colour and over its photo; several processes share the photos out."""

import errno
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from conftest import Command, Trained

from fcnlab.callbacks.mask_writer import MaskWriter
from fcnlab.trainer import build


@pytest.fixture
def photos(tmp_path: Path) -> list[str]:
    random = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    for i in range(5):
        pixels = random.integers(0, 255, (40, 40, 3), dtype=np.uint8)
        PIL.Image.fromarray(pixels).save(tmp_path / f"photos/{i}.png")
    return [str(i) for i in range(5)]


def test_each_process_writes_its_own_share(
    command: Command, trained: Trained, photos: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    keep, names = MaskWriter.on_predict_batch_end, dict[int, list[str]]()
    whole = build.L.Trainer

    for rank in (0, 1):

        class OneOfTwo(whole):
            """Says that it is one of two; nothing here waits for the other."""

            number = rank
            world_size, global_rank = 2, property(lambda self: self.number)

        def write(self, trainer, task, outputs, batch, *rest, rank=rank) -> None:
            names.setdefault(rank, []).extend(batch["name"])
            keep(self, trainer, task, outputs, batch, *rest)

        monkeypatch.setattr(build.L, "Trainer", OneOfTwo)
        monkeypatch.setattr(MaskWriter, "on_predict_batch_end", write)
        assert command("predict", f"checkpoint={trained.checkpoint}", "images=photos", "output=out").code == 0
    assert sorted(names[0] + names[1]) == photos
    assert abs(len(names[0]) - len(names[1])) == 1


@pytest.mark.slow
@pytest.mark.parametrize("number", [5, 1])
def test_two_processes_write_every_mask_and_count_them(
    number: int, trained: Trained, photos: list[str], tmp_path: Path
) -> None:
    for i in range(number, 5):
        (tmp_path / f"photos/{i}.png").unlink()
    words = (f"checkpoint={trained.checkpoint}", "images=photos", "output=out")
    ddp = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2")
    call = [sys.executable, "-m", "fcnlab.predict", *words, *ddp]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    assert re.findall(r"(\d+) masks", done.stdout) == [str(number)]
    assert len(list((tmp_path / "out").iterdir())) == 3 * number


def test_a_photo_whose_name_the_suffix_makes_too_long_is_predicted(command: Command, trained: Trained) -> None:
    name = "사" * 83  # 249 bytes
    PIL.Image.new("RGB", (9, 7)).save(f"{name}.jpg")
    outcome = command("predict", f"checkpoint={trained.checkpoint}", f"images='{name}.jpg'", "output=out")
    assert outcome.code == 0, outcome.text
    assert [len(file.name.encode()) <= 255 for file in Path("out").iterdir()] == [True, True, True]


def test_a_mask_is_written_as_labels_in_colour_and_over_its_photo(tmp_path: Path) -> None:
    writer = MaskWriter(tmp_path / "out", {"out": [[0, 0, 0], [255, 0, 0]]})
    batch = {"photo": np.full((2, 2, 3), 100, np.uint8), "name": ["a"]}
    writer.on_predict_batch_end(None, None, torch.tensor([[[0, 1], [1, 0]]]), batch, 0)
    with PIL.Image.open(tmp_path / "out" / "a.png") as mask:
        assert np.array(mask).tolist() == [[0, 1], [1, 0]]
    with PIL.Image.open(tmp_path / "out" / "a_colour.png") as colour:
        assert np.array(colour)[0, 1].tolist() == [255, 0, 0]
    with PIL.Image.open(tmp_path / "out" / "a_overlay.png") as over:
        assert np.array(over)[0, 1].tolist() == [178, 50, 50]


def test_what_a_full_disk_cut_is_no_mask(
    command: Command, trained: Trained, photos: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = PIL.Image.Image.save

    def save(self, file, *form, **options) -> None:
        if len(list(Path("out").glob("*.png"))) == 4:
            Path(file).write_bytes(b"\x89PNG")
            raise OSError(errno.ENOSPC, "No space left on device")
        keep(self, file, *form, **options)

    monkeypatch.setattr(PIL.Image.Image, "save", save)
    outcome = command("predict", f"checkpoint={trained.checkpoint}", "images=photos", "output=out")
    assert outcome.code == 1
    assert re.search(r"No space left on device: 'out/1_colour.png'. The disk is full", outcome.text)
    assert sorted(file.name for file in Path("out").iterdir()) == ["0.png", "0_colour.png", "0_overlay.png", "1.png"]
    for file in Path("out").iterdir():
        PIL.Image.open(file).load()
