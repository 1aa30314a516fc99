"""ImageResults: counts of every test image, and visualizations that show the right ones."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from conftest import Command, Trained

from fcnlab.callbacks.image_results import ImageResults


def test_counts_of_an_image_add_up_to_its_pixels(trained: Trained) -> None:
    counts = np.load(trained.folder / "counts.npz")
    assert (counts["predicted"].sum(1) == counts["true"].sum(1)).all()  # void is in neither
    assert (counts["true_positive"] <= counts["true"]).all()


def test_time_per_image_leaves_the_first_batch_out(tmp_path: Path, trained: Trained) -> None:
    subject = ImageResults(tmp_path, data=None)
    subject.times = [(9.0, 8)]
    assert subject.seconds_per_image() is None
    subject.times += [(0.8, 8), (0.1, 1)]
    assert subject.seconds_per_image() == pytest.approx(0.1)
    # Seven test images are one batch, and that was left out.
    assert json.loads((trained.folder / "record.json").read_text())["seconds_per_image"] is None


def test_no_drawing_of_an_image_overwrites_that_of_another(tmp_path: Path) -> None:
    labels = {"a": 0, "a_panel": 1, "in/b": 2}  # as COCO's images are called that lie in folders
    data: Any = SimpleNamespace(
        test_split="test",
        palette=[[0, 0, 0]] * 3,
        names=lambda _: [*labels],
        read=lambda _, index: (np.zeros((4, 5, 3), np.uint8), np.full((4, 5), index, np.uint8)),
    )
    subject, trainer = ImageResults(tmp_path, data), SimpleNamespace(is_global_zero=True)
    subject.on_test_start(trainer, None)
    outputs = {
        "counts": torch.zeros(3, 3, 3, dtype=torch.long),
        "prediction": torch.arange(3)[:, None, None].expand(3, 4, 5),
    }
    subject.on_test_batch_start()
    subject.on_test_batch_end(trainer, None, outputs, {"name": [*labels]})
    subject.on_test_end(trainer, None)
    files = (tmp_path / "predictions").rglob("*.png")
    drawn = {str(file.relative_to(tmp_path / "predictions")): np.array(PIL.Image.open(file)) for file in files}
    assert {*drawn} == {"a_panel.png", "a_panel_panel.png", "in/b.png", "in/b_panel.png"}  # a's would be a_panel's
    assert (drawn["a_panel.png"] == 1).all()


def test_a_test_keeps_counts_by_image_and_class_and_no_matrix(
    command: Command, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, end = list[int](), ImageResults.on_test_end

    def on_test_end(self: ImageResults, *arguments: object) -> None:
        kept.append(sum(batch.nbytes for batch in self.counts))
        end(self, *arguments)

    monkeypatch.setattr(ImageResults, "on_test_end", on_test_end)
    assert command("evaluate", f"checkpoint={trained.checkpoint}", "output=out").code == 0
    assert kept == [3 * 7 * 8 * 8]  # true positive, predicted and true pixels; images; classes; bytes of an int64
