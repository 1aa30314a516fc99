"""What every data set shares: the batch, splits, fingerprints, class weights."""

import numpy as np
import pytest
import torch

from fcnlab.cli.compose import build, compose
from fcnlab.data.datamodule import SegmentationData
from fcnlab.error import UserError


def shapes(*overrides: str) -> SegmentationData:
    tiny = ["data.images.train=12", "data.images.val=3", "data.images.test=3"]
    data = build(compose("train", ["data=shapes", *tiny, *overrides]).data)
    assert isinstance(data, SegmentationData)
    return data


def test_a_batch_is_image_mask_and_name() -> None:
    batch = next(iter(shapes("data.batch_size=4").loader("train", training=True)))
    assert batch["image"].shape == (4, 3, 128, 128)
    assert batch["image"].dtype == torch.float32
    assert batch["mask"].shape == (4, 128, 128)
    assert batch["mask"].dtype == torch.int64
    assert all(name.startswith("train_") for name in batch["name"])


def test_scoring_a_split_is_not_augmented_and_keeps_its_order() -> None:
    data = shapes()
    batches = list(data.loader("train"))
    assert [name for batch in batches for name in batch["name"]] == list(data.names("train"))
    assert (batches[0]["mask"][0].numpy() == data.read("train", 0)[1]).all()


def test_fingerprints_tell_data_apart_and_nothing_else() -> None:
    assert shapes("seed=1").fingerprint("test") == shapes("data.batch_size=2").fingerprint("test")
    assert shapes().fingerprint("test") != shapes("data.data_seed=1").fingerprint("test")
    assert shapes().fingerprint("test") != shapes().fingerprint("val")


def test_median_frequency_weights_are_those_of_the_formula() -> None:
    data = shapes()
    masks = np.stack([data.read("train", i)[1] for i in range(12)])
    frequencies = np.array(
        [
            (masks == c).sum() / max(1, sum(m.size for m in masks if (m == c).any()))
            for c in range(len(data.class_names))
        ]
    )
    seen = frequencies[frequencies > 0]
    expected = [np.median(seen) / f if f else 0.0 for f in frequencies]
    assert data.median_frequency_weights() == pytest.approx(expected)


def test_an_unknown_or_empty_split_is_refused() -> None:
    with pytest.raises(UserError, match="Did you mean test"):
        shapes().loader("tset")
    with pytest.raises(UserError, match="'val' of shapes is empty"):
        shapes("data.images.val=0").loader("val")
