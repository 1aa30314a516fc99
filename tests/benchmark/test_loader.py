"""Both pipelines read the same images; what is timed is what comes after the reading ahead."""

from pathlib import Path

import numpy as np
import pytest
import torch

from fcnlab.benchmark import loader
from fcnlab.benchmark.loader import Reference, rate, write_images
from fcnlab.cli.compose import build, compose
from fcnlab.data.camvid import CLASSES


def test_made_up_images_are_a_folder_of_camvids_layout(tmp_path: Path) -> None:
    write_images(tmp_path, 3, 48, 72)
    data = build(compose("train", ["data=camvid", f"data.root={tmp_path}"]).data)
    assert [len(data.names(split)) for split in ("train", "val", "test")] == [3, 1, 1]
    image, mask = data.read("train", 0)
    assert image.shape == (48, 72, 3)
    assert mask.shape == (48, 72)
    assert np.isin(mask, range(len(CLASSES))).all()
    assert len(np.unique(mask)) > 3


def test_the_reference_gives_what_our_pipeline_gives(tmp_path: Path) -> None:
    write_images(tmp_path, 2, 48, 72)
    data = build(compose("train", ["data=camvid", f"data.root={tmp_path}", "data.image_size=[48,72]"]).data)
    torch.manual_seed(0)
    theirs = [Reference(data, 48, 72)[0] for _ in range(20)]
    ours = [data.dataset("train", training=True)[0][:2] for _ in range(20)]
    for image, mask in [*theirs, *ours]:
        assert image.shape == (3, 48, 72)
        assert image.dtype == torch.float32
        assert mask.shape == (48, 72)
        assert mask.dtype == torch.int64
    assert any((mask == 255).any() for _, mask in theirs)  # padded where the scale is below 1
    means = [torch.stack([image for image, _ in samples]).mean().item() for samples in (theirs, ours)]
    assert means[0] == pytest.approx(means[1], abs=0.2)


def test_batches_that_were_read_ahead_are_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0, 2.0, 10.0, 14.0])
    monkeypatch.setattr(loader, "now", lambda: next(clock))
    batches = [{"image": torch.zeros(4, 1)} for _ in range(7)]
    assert rate(batches) == 4 * 4 / 4.0
    clock = iter([10.0, 14.0])
    assert rate(batches, ahead=0) == 7 * 4 / 4.0
