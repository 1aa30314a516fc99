"""What masks hold is told as they were made: labels, colours, colours off by little, or shades."""

from pathlib import Path

import numpy as np
import PIL.Image
from data.scenes import photo, save

from fcnlab.data.guess_values import Seen, counted, grouped, look_at, mask_like, tolerance_for


def test_values_are_counted_as_numpy_counts_them() -> None:
    random = np.random.default_rng(0)
    for values in (random.integers(0, 5, (7, 9), dtype=np.uint8), np.zeros((3, 3), np.uint16), np.eye(4, dtype=int)):
        found, times = np.unique(values, return_counts=True)
        assert counted(values) == dict(zip(found.tolist(), times.tolist(), strict=True))


def test_palettes_that_contradict_each_other_leave_no_labels(tmp_path: Path) -> None:
    together = Seen()
    for number, palette in enumerate(([0, 0, 0, 9, 9, 9], [0, 0, 0, 9, 9, 9], [9, 9, 9, 0, 0, 0])):
        mask = PIL.Image.fromarray(np.eye(4, dtype=np.uint8))
        mask.putpalette(palette)
        mask.save(tmp_path / f"{number}.png")
        together.add(look_at(tmp_path / f"{number}.png"))
        assert together.labelled == (number < 2)
    assert together.colours == {(0, 0, 0): 12 + 12 + 4, (9, 9, 9): 4 + 4 + 12}


def test_colours_off_by_little_are_one_colour() -> None:
    assert grouped({(0, 0, 0): 9, (2, 0, 1): 1, (200, 0, 0): 5, (197, 0, 0): 2}) == ([(0, 0, 0), (200, 0, 0)], 3)
    assert grouped({(10 * i, 0, 0): 1 for i in range(5)}) == ([], 0)  # a ramp has no classes


def test_strays_are_few_or_the_classes_are_others() -> None:
    known = [(0, 0, 0), (200, 0, 0)]
    assert tolerance_for({(1, 0, 0): 999, (200, 2, 0): 1000, (0, 90, 0): 1}, known) == (2, [(0, 90, 0)])
    assert tolerance_for({(1, 0, 0): 10, (0, 90, 0): 1}, known) is None


def test_a_photo_is_no_mask_and_a_blurred_mask_is_one(tmp_path: Path) -> None:
    halves = np.zeros((40, 40), np.uint8)
    halves[:, 20:] = 255
    save(halves, tmp_path / "mask.jpg")
    save(photo(0), tmp_path / "photo.png")
    save(halves, tmp_path / "mask.png")
    assert [mask_like(tmp_path / name) for name in ("mask.png", "photo.png", "missing.png")] == [2, 0, 0]
    save(np.asarray(PIL.Image.fromarray(halves).resize((37, 41), PIL.Image.Resampling.BICUBIC)), tmp_path / "mask.jpg")
    assert mask_like(tmp_path / "mask.jpg") == 1


def test_a_mask_of_many_labels_is_one_and_a_grey_photo_is_none(tmp_path: Path) -> None:
    areas = np.arange(100).reshape(10, 10).repeat(10, 0).repeat(10, 1)
    save(areas.astype(np.uint8), tmp_path / "mask.png")
    save(photo(0, 60, 60)[..., 0], tmp_path / "photo.png")
    np.save(tmp_path / "void.npy", areas % 7 - 1)
    assert [mask_like(tmp_path / name) for name in ("mask.png", "photo.png", "void.npy")] == [2, 0, 2]
