"""Two labellings of the same images, through every command: the scores of each head against numpy."""

import json
import shutil
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from conftest import Command, leave_at_epoch
from data.two_masks import HEADS, SPLITS, make, only, side, train, truth


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("two"))


def mean_iou(pairs: list[tuple[np.ndarray, np.ndarray]], classes: int) -> float:
    predicted, true = (np.concatenate([labels.ravel() for labels in half]) for half in zip(*pairs, strict=True))
    predicted, true = predicted[true != 255], true[true != 255]
    unions = [((predicted == c) | (true == c)).sum() for c in range(classes)]
    hits = [((predicted == c) & (true == c)).sum() for c in range(classes)]
    return float(np.mean([hit / union for hit, union in zip(hits, unions, strict=True) if union]))


@pytest.mark.slow
def test_both_heads_learn_and_are_scored_predicted_tiled_and_resumed(
    root: Path, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = train(command, root, *HEADS, "metrics=none", "scheduler=constant", "epochs=6")
    assert outcome.code == 0, outcome.text
    run = only(tmp_path / "runs")
    scores = json.loads((run / "metrics.json").read_text())
    assert scores["train/loss"] == pytest.approx(scores["train/loss/main"] + scores["train/loss/side"])
    assert {key for key in scores if key.startswith("test/side/iou")} == {"test/side/iou/left", "test/side/iou/right"}
    assert scores["test/side/mean_iou"] > 0.4  # left from right is easily learnt; a coin gives 0.33

    best = run / "checkpoints" / "best.ckpt"
    for words in ((), ("tile=32",)):  # an image of 48x64 in four tiles: the reach of the net is larger, so all is seen
        outcome = command("evaluate", f"checkpoint={best}", *words, "trainer.enable_progress_bar=false")
        assert outcome.code == 0, outcome.text
        for key, value in scores.items():
            if key.startswith("test/"):
                assert outcome.value[key] == pytest.approx(value, abs=0 if not words else 1e-5), key

    photos = tmp_path / "photos"
    photos.mkdir()
    for index in SPLITS["test"]:
        shutil.copy(root / "images" / f"i{index}.png", photos)
    outcome = command("predict", f"checkpoint={best}", f"images={photos}", "output=masks", "tile=32")
    assert outcome.code == 0, outcome.text
    assert "6 masks, with NAME_colour.png" in outcome.text  # two for each photo: none is missing
    written = {path.name for path in (tmp_path / "masks").iterdir()}
    assert {
        f"i8{kind}.png" for kind in ("", "_colour", "_overlay", "_side", "_side_colour", "_side_overlay")
    } <= written
    assert len(written) == 18
    for head, made, classes, key in (("", truth, 4, "mean_iou"), ("_side", side, 3, "side/mean_iou")):
        pairs = [(np.array(PIL.Image.open(tmp_path / "masks" / f"i{i}{head}.png")), made(i)) for i in SPLITS["test"]]
        assert mean_iou(pairs, classes) == pytest.approx(scores[f"test/{key}"], abs=1e-6)
    (row,) = command("compare", f"runs={run}", "samples=10").value["rows"]
    assert {f"test/side/{name}": values["mean"] for name, values in row["heads"]["side"].items()} == {
        key: value for key, value in scores.items() if key.startswith("test/side/") and "/iou/" not in key
    }
    outcome = command("export", f"checkpoint={best}")
    assert outcome.code == 1
    assert "has the heads side beside its first" in outcome.text

    words = (*HEADS, "scheduler=constant", "epochs=6", "checkpoint.every_n_steps=1")
    with monkeypatch.context() as patch:
        patch.setattr("fcnlab.callbacks.history.History.on_train_epoch_end", leave_at_epoch(2))
        train(command, root, *words, f"runs_dir={tmp_path}/again")
    outcome = train(command, root, *words, f"runs_dir={tmp_path}/again")
    assert "Going on from" in outcome.text
    again = only(tmp_path / "again")
    assert json.loads((again / "metrics.json").read_text()) == scores
    assert (again / "history.csv").read_text() == (run / "history.csv").read_text()
