"""A signal ends a test or a prediction as a shell expects; Lightning alone would say that all was well."""

import signal
from typing import Any

import numpy as np
import PIL.Image
import pytest
from conftest import Command, Trained

from fcnlab.task.segmentation import SegmentationTask


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
@pytest.mark.parametrize(("verb", "step"), [("evaluate", "test_step"), ("predict", "predict_step")])
def test_a_signal_is_no_success(
    verb: str, step: str, name: str, trained: Trained, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = getattr(signal, name)
    before = signal.getsignal(number)

    def asks(self: SegmentationTask, *_: Any) -> None:
        signal.raise_signal(number)

    monkeypatch.setattr(SegmentationTask, step, asks)
    PIL.Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save("photo.png")
    words = ["images=photo.png", "output=masks"] if verb == "predict" else ["data.images.test=8"]
    outcome = command(verb, f"checkpoint={trained.checkpoint}", *words)
    assert outcome.text.endswith(str(128 + number))
    assert signal.getsignal(number) == before
