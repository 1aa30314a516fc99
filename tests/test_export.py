"""An exported net gives the original's logits at any size, tells what it is, and is refused where it does not."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from conftest import Command, Trained

from fcnlab.cli.compose import build, compose, plain
from fcnlab.export import check, write_onnx
from fcnlab.task.segmentation import SegmentationTask

pytestmark = pytest.mark.slow

# None is a size of the command's own check; 1, 2, odd, a stride's multiple and its neighbours.
SHAPES = [(1, 1, 1), (3, 5, 1), (1, 32, 63), (2, 65, 100), (1, 33, 257)]


def original(checkpoint: str) -> torch.nn.Module:
    return SegmentationTask.load(checkpoint).net


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_onnxruntime_gives_the_originals_logits_at_any_size(
    exported: Path, lively: Trained, shape: tuple[int, int, int]
) -> None:
    image = torch.randn(shape[0], 3, *shape[1:])
    (logits,) = onnxruntime.InferenceSession(exported / "model.onnx").run(None, {"image": image.numpy()})
    with torch.no_grad():
        np.testing.assert_allclose(logits, original(lively.checkpoint)(image).numpy(), atol=1e-4)


@pytest.mark.parametrize(("model", "padding", "channels"), [("fcn32s", "same", 4), ("fcn8s", 100, 1)])
def test_other_variants_paddings_and_channels_can_be_exported(
    model: str, padding: str | int, channels: int, tmp_path: Path
) -> None:
    words = (
        f"model={model}",
        f"model.backbone.in_channels={channels}",
        f"model.backbone.padding={padding}",
        "model.backbone.width=0.02",
        "model.backbone.fc_channels=4",
    )
    net = build(compose("train", list(words)).model, num_classes=3).eval()
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    facts = {"class_names": ["a", "b", "c"], "palette": [[0, 0, 0]] * 3, "mean": [0.5] * channels}
    facts |= {"std": [0.5] * channels, "order": "RGB", "scale": 1.0, "image_size": None}
    write_onnx(net, tmp_path / "x.onnx", facts)
    shapes = plain(compose("export", ["checkpoint=x"]))["shapes"]
    assert len(shapes) >= 5
    assert len(check(net, tmp_path / "x.onnx", shapes, 1e-4, channels=channels)) == len(shapes)


def test_a_net_that_differs_is_refused_and_leaves_no_file(
    exported: Path, lively: Trained, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = onnx.load(exported / "model.onnx")
    weight = next(tensor for tensor in model.graph.initializer if tensor.name == "score_pool3.weight")
    weight.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(weight) + np.float32(0.1), weight.name))
    monkeypatch.setattr("fcnlab.export.write_onnx", lambda net, file, facts: onnx.save(model, file))
    outcome = command("export", f"checkpoint={lively.checkpoint}", "output=out")
    assert outcome.code == 1
    assert "Nothing was written" in outcome.text
    assert list((tmp_path / "out").iterdir()) == []


def test_the_card_tells_data_scores_recipe_start_licence_and_check(exported: Path, lively: Trained) -> None:
    card = (exported / "model_card.md").read_text()
    record = json.loads((lively.folder / "record.json").read_text())
    for needed in (
        *(f"# {lively.folder.name}", "`shapes`", record["fingerprint"]["test"], "| mean_iou |"),
        *("optimizer:", "lr: 0.005", "He initialisation", "MIT", "| (1, 3, 1, 1) |"),
        f"| {100 * lively.value['test/mean_iou']:.2f} |",
    ):
        assert needed in card, needed
    assert str(lively.folder.parent) not in card


def test_a_card_claims_no_scores_but_those_of_its_own_checkpoint(
    exported: Path, lively: Trained, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fcnlab.export.write_onnx", lambda net, file, facts: shutil.copy(exported / "model.onnx", file))
    for place in ("alone.ckpt", "copied/checkpoints/best.ckpt", f"{lively.folder.name}/checkpoints/last.ckpt"):
        folder = (tmp_path / place).parent
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(lively.checkpoint, tmp_path / place)
        for name in ("metrics.json", "record.json"):
            shutil.copy(lively.folder / name, folder.parent if folder.name == "checkpoints" else folder)
        if place.endswith("last.ckpt"):  # of a run whose best was scored
            shutil.copy(lively.checkpoint, folder)
        outcome = command("export", f"checkpoint={place}", "shapes=[[1,9,9]]", "output=out")
        assert outcome.code == 0, outcome.text
        card = (tmp_path / "out" / "model_card.md").read_text()
        assert "Unknown: no run folder tells scores" in card, place
        assert "mean_iou" not in card, place


def test_a_missing_package_is_told_with_its_hint(
    lively: Trained, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    outcome = command("export", f"checkpoint={lively.checkpoint}", "output=out")
    assert outcome.code == 1
    assert "needs the package onnxscript" in outcome.text
    assert ".[export]" in outcome.text
    assert not (tmp_path / "out").exists()


def test_an_exported_net_is_not_exported_again(exported: Path, command: Command) -> None:
    outcome = command("export", f"checkpoint={exported}/model.onnx", "output=out")
    assert outcome.code == 1
    assert "is exported already" in outcome.text


def test_a_folder_that_cannot_be_written_is_told(lively: Trained, command: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    outcome = command("export", f"checkpoint={lively.checkpoint}", "output=file/out")
    assert outcome.code == 1
    assert "Cannot write to output=file/out" in outcome.text
