"""What every data set shares: the batch, splits, fingerprints, class weights."""

import os
import pickle
import threading

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


@pytest.mark.parametrize("workers", [1, 2])
def test_samples_do_not_depend_on_the_number_of_workers(workers: int) -> None:
    alone, helped = (list(shapes(f"data.num_workers={n}").loader("train", training=True)) for n in (0, workers))
    for one, two in zip(alone, helped, strict=True):
        assert one["name"] == two["name"]
        assert torch.equal(one["image"], two["image"])


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


def test_a_loading_process_that_starts_anew_is_sent_the_data_without_the_training() -> None:
    data = shapes()
    data.trainer = threading.Lock()  # stands for a Trainer: no process can be sent one
    sent = pickle.loads(pickle.dumps(data.dataset("train", training=True)))
    assert len(sent) == len(data.names("train"))
    assert data.trainer is not None


def test_where_nothing_tells_the_cores_of_a_process_those_of_the_machine_count(monkeypatch: pytest.MonkeyPatch) -> None:
    data = shapes()
    data.in_memory = False
    monkeypatch.delattr(os, "sched_getaffinity")  # as on macOS
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert data.workers(processes=2) == 3


def test_a_run_goes_on_with_as_many_processes_as_it_was_begun_with() -> None:
    data = build(compose("train", ["data=shapes"]).data)
    data.load_state_dict({"epoch": 1, "batches": 2, "processes": 2})
    with pytest.raises(UserError, match="trained by 2 processes, each with data.batch_size=8; it cannot go on with 1"):
        data.loader("train", training=True)
    data.load_state_dict({"epoch": 1, "batches": 2, "processes": 1})
    assert next(iter(data.loader("train", training=True).sampler)) is not None


def test_a_loading_process_is_not_waited_for_without_end() -> None:
    for split, training in (("train", True), ("val", False)):
        assert shapes("data.num_workers=1").loader(split, training=training).timeout == 1800
        assert shapes("data.num_workers=0").loader(split, training=training).timeout == 0
