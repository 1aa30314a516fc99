"""A sample follows from its draw, also where the image that was drawn cannot be read."""

from typing import Any

import numpy as np
import pytest
import torch
from conftest import Command, Trained

from fcnlab.data.samples import Sample, SplitDataset, collate
from fcnlab.data.sampling import Draw, EqualSizeBatches
from fcnlab.data.transforms import Pipeline
from fcnlab.error import UserError

NAMES = [f"image_{i}" for i in range(10)]


def dataset(broken: set[int], skip: bool = True) -> SplitDataset:
    """Ten images, each of one grey, some of which cannot be read."""

    def read(index: int) -> tuple[np.ndarray, np.ndarray]:
        if index in broken:
            raise UserError(f"image_{index} is broken")
        return np.full((4, 4, 3), index, np.uint8), np.zeros((4, 4), np.uint8)

    pipeline = Pipeline(image_size=None, mean=[0.0] * 3, std=[1 / 255] * 3, augment=[])
    return SplitDataset(read, NAMES, pipeline, skip=skip)


def test_smaller_images_are_padded_with_mean_colour_and_void() -> None:
    small = Sample(torch.ones(3, 2, 2), torch.zeros(2, 2, dtype=torch.long), "small")
    large = Sample(torch.ones(3, 3, 4), torch.zeros(3, 4, dtype=torch.long), "large")
    batch = collate([small, large])
    assert batch["image"][0].sum() == 3 * 4
    assert (batch["mask"][0] == 255).sum() == 12 - 4
    assert not (batch["mask"][1] == 255).any()


def test_another_image_replaces_a_broken_one_and_follows_from_the_draw() -> None:
    samples = [dataset({3, 4})[Draw(3, seed)] for seed in range(30)]
    again = [dataset({3, 4})[Draw(3, seed)] for seed in reversed(range(30))][::-1]
    assert [sample.name for sample in samples] == [sample.name for sample in again]
    assert len({sample.name for sample in samples}) > 5
    for sample in samples:
        assert sample.name not in ("image_3", "image_4")
        assert sample.name == f"image_{int(sample.image[0, 0, 0])}"
        assert sample.skipped[0] == "image_3 is broken"
    batch = collate([samples[0], dataset({3})[Draw(2, 0)]])
    assert batch["skipped"] == list(samples[0].skipped)
    assert "skipped" not in collate([dataset({3})[Draw(2, 0)]])


def test_without_a_choice_a_broken_image_is_an_error() -> None:
    with pytest.raises(UserError, match="image_3 is broken"):
        dataset({3}, skip=False)[Draw(3, 0)]


def test_many_broken_images_in_a_row_are_an_error_all_the_same() -> None:
    with pytest.raises(UserError, match="21 training images in a row cannot be read"):
        dataset(set(range(10)))[Draw(3, 0)]


def test_what_fills_a_gap_between_processes_counts_nowhere(
    trained: Trained, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = EqualSizeBatches.__init__

    def with_gap(self: EqualSizeBatches, **given: Any) -> None:
        """The batches of a process that has one less than others."""
        keep(self, **given)
        self.batches = [*self.batches, [self.batches[0][0]._replace(counts=False)]]

    words = ("evaluate", f"checkpoint={trained.checkpoint}", "loss.reduction=sum")  # whose divisor is the images
    alone = command(*words, "output=alone")
    monkeypatch.setattr(EqualSizeBatches, "__init__", with_gap)
    filled = command(*words, "output=filled")
    assert filled.code == 0, filled.text
    assert filled.value == alone.value
    counts, reference = np.load("filled/counts.npz"), np.load("alone/counts.npz")
    assert all((counts[key] == reference[key]).all() for key in reference)
