"""The loaders of a data set: the same samples from any number of processes, and from where a training stood."""

import os
import pickle
import threading

import pytest
import torch
from data.test_datamodule import shapes

from fcnlab.cli.compose import build, compose
from fcnlab.error import UserError


@pytest.mark.parametrize("workers", [1, 2])
def test_samples_do_not_depend_on_the_number_of_workers(workers: int) -> None:
    alone, helped = (list(shapes(f"data.num_workers={n}").loader("train", training=True)) for n in (0, workers))
    for one, two in zip(alone, helped, strict=True):
        assert one["name"] == two["name"]
        assert torch.equal(one["image"], two["image"])


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
