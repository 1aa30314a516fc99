"""An exported file stands in for its net in predict, and foreign or broken ones are refused."""

from pathlib import Path

import numpy as np
import onnx
import PIL.Image
import pytest
import torch
from conftest import Command, Trained

from fcnlab.model.exported import ExportedNet

pytestmark = pytest.mark.slow

QUIET = "trainer.enable_progress_bar=false"


def read(path: str) -> np.ndarray:
    with PIL.Image.open(path) as picture:
        return np.array(picture)


@pytest.mark.parametrize("more", [(), ("data.image_size=[40,57]",)], ids=["own size", "resized"])
def test_predict_gives_the_same_masks_from_both_files(
    exported: Path, lively: Trained, command: Command, tmp_path: Path, more: tuple[str, ...]
) -> None:
    (tmp_path / "photos").mkdir()
    for i, size in enumerate([(1, 1, 3), (37, 90, 3), (64, 64, 3)]):
        pixels = np.random.default_rng(i).integers(0, 256, size, dtype=np.uint8)
        PIL.Image.fromarray(pixels).save(tmp_path / "photos" / f"{i}.png")
    written = []
    for file in (lively.checkpoint, str(exported / "model.onnx")):
        outcome = command("predict", f"checkpoint={file}", "images=photos", f"output=o{len(written)}", QUIET, *more)
        assert outcome.code == 0, outcome.text
        written.append(outcome.value)
    assert len(np.unique(read(written[0][1]))) >= 3  # otherwise equal masks would prove little
    for first, second in zip(*written, strict=True):
        assert (read(first) == read(second)).all()
        for kind in ("_colour.png", "_overlay.png"):
            assert (read(first.replace(".png", kind)) == read(second.replace(".png", kind))).all()


def test_metadata_hold_what_a_checkpoint_holds(exported: Path, lively: Trained) -> None:
    saved = torch.load(lively.checkpoint, weights_only=True)["fcnlab"]
    facts = ExportedNet(exported / "model.onnx").facts
    assert {key: facts[key] for key in ("class_names", "palette", "mean", "std")} == {
        key: saved[key] for key in ("class_names", "palette", "mean", "std")
    }
    assert facts["image_size"] is None


def test_the_image_size_of_the_training_is_kept(exported: Path, command: Command, tmp_path: Path) -> None:
    model = onnx.load(exported / "model.onnx")
    sizes = {prop.key: prop for prop in model.metadata_props}
    for name, size in (("own", "null"), ("small", "[16,16]")):
        sizes["image_size"].value = size
        onnx.save(model, tmp_path / f"{name}.onnx")
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    PIL.Image.fromarray(pixels).save(tmp_path / "photo.png")
    for output, words in {"a": ["small.onnx"], "b": ["own.onnx", "data.image_size=[16,16]"], "c": ["own.onnx"]}.items():
        command("predict", f"checkpoint={words[0]}", *words[1:], "images=photo.png", f"output={output}", QUIET)
    assert (read("a/photo_overlay.png") == read("b/photo_overlay.png")).all()
    assert (read("a/photo_overlay.png") != read("c/photo_overlay.png")).any()


def test_what_is_no_exported_net_is_refused(exported: Path, command: Command, tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"nothing of the kind")
    model = onnx.load(exported / "model.onnx")
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "foreign.onnx")
    for name, message in {
        "absent": "There is no file checkpoint=absent.onnx",
        "broken": "Cannot read checkpoint=broken.onnx",
        "foreign": "was not written by fcnlab.export",
    }.items():
        outcome = command("predict", f"checkpoint={name}.onnx", "images=x", "output=o")
        assert outcome.code == 1
        assert message in outcome.text
