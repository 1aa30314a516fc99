"""What a split holds is what a slow look at every file, one after the other, finds."""

import hashlib
import time
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from data.faults import FAULTS, make_folder

from fcnlab.cli.compose import build, compose
from fcnlab.data.contents import TOGETHER, count_labels, in_order, look_through
from fcnlab.data.datamodule import SegmentationData
from fcnlab.error import UserError


def folder(root: Path, *words: str) -> SegmentationData:
    data = build(compose("train", ["data=folder", f"data.root='{root}'", "data.lists=lists", *words]).data)
    assert isinstance(data, SegmentationData)
    return data


@pytest.mark.parametrize("threads", [1, 3])
def test_fingerprint_and_counts_are_those_of_a_slow_look(tmp_path: Path, threads: int) -> None:
    root = make_folder(tmp_path / "data")
    found = look_through(folder(root), "train", threads=threads)
    digests, pixels = [], np.zeros(256, int)
    for name in [f"photo_{i}" for i in range(6)]:
        with (
            PIL.Image.open(root / "masks" / f"{name}.png") as mask,
            PIL.Image.open(root / "images" / f"{name}.jpg") as im,
        ):
            digests.append(hashlib.sha256(np.asarray(mask).tobytes() + repr(im.size).encode()).digest())
            pixels += np.bincount(np.asarray(mask).ravel(), minlength=256)
            assert found.shapes[int(name[-1])] == np.asarray(mask).shape
    whole = repr(("ground", "leaf", "stem")).encode() + b"".join(sorted(digests))
    assert found.fingerprint == hashlib.sha256(whole).hexdigest()[:16]
    assert found.pixels == pixels.tolist()
    assert found.shown == np.where(pixels > 0, pixels.sum(), 0).tolist()  # each mask shows every class
    assert found.noted["1"][0] == (255, 0, 0)


def test_an_order_of_images_is_no_content(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "data")
    first = folder(root).contents("train").fingerprint
    names = (root / "lists" / "train.txt").read_text().splitlines()
    (root / "lists" / "train.txt").write_text("\n".join(names[::-1]))
    assert folder(root).contents("train").fingerprint == first
    (root / "lists" / "train.txt").write_text("\n".join(names[1:]))
    assert folder(root).contents("train").fingerprint != first


def test_the_first_fault_in_order_is_told_however_many_look(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "data")
    FAULTS["mask with label 37"][0](root)
    (root / "masks" / "photo_5.png").write_text("hello")
    with pytest.raises(UserError, match="photo_0.png has label 37"):
        look_through(folder(root), "train", threads=4)


def test_what_is_forgiven_is_in_the_fingerprint_and_in_no_count(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "data")
    whole = folder(root).contents("train")
    FAULTS["zero-byte mask"][0](root)
    found = folder(root, "data.on_bad_sample=skip").contents("train")
    assert found.images[0] == ""
    assert found.fingerprint != whole.fingerprint
    assert sum(found.pixels) == sum(whole.pixels) - 40 * 50


def test_few_results_wait_at_a_time() -> None:
    begun = []
    for index, result in enumerate(in_order(lambda i: begun.append(i) or i * i, 1000, threads=2)):
        assert result == index**2
        time.sleep(0.02 * (index == 0))  # enough to do far more, if nothing held them back
        assert len(begun) <= index + 1 + 5 * TOGETHER
        if index == 20:
            break


def test_labels_are_counted_as_numpy_counts_them() -> None:
    mask = np.random.default_rng(0).integers(0, 256, (37, 53), dtype=np.uint8)
    assert count_labels(mask[::2].T).tolist() == np.bincount(mask[::2].ravel(), minlength=256).tolist()
    assert count_labels(mask[:0]).tolist() == [0] * 256
