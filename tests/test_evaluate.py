"""Evaluation gives what training reported, from the checkpoint alone."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TINY, Command, Trained

QUIET = "trainer.enable_progress_bar=false"


def test_no_job_of_a_sweep_replaces_the_files_of_another(trained: Trained, command: Command) -> None:
    words = ("evaluate", "-m", f"checkpoint={trained.checkpoint}", "split=val,test", QUIET)
    for output in ("scored", "scored/${checkpoint}"):  # the checkpoint is one
        refused = command(*words, f"output={output}")
        assert refused.code == 1
        assert f"Give each a folder of its own: 'output={output}/${{split}}'" in refused.text
    assert not Path("scored").exists()
    cut = command(*words, "output=scored", "tile=te{st")
    assert cut.code == 1
    assert "Traceback" not in cut.text
    assert command(*words, "output=scored/${split}").code == 0
    assert sorted(file.parent.name for file in Path("scored").glob("*/metrics.json")) == ["test", "val"]


def test_evaluate_gives_exactly_the_scores_that_training_reported(trained: Trained, command: Command) -> None:
    for split in ("test", "val"):
        outcome = command("evaluate", f"checkpoint={trained.checkpoint}", f"split={split}", QUIET)
        assert outcome.code == 0, outcome.text
        reported = {key: value for key, value in trained.value.items() if key.startswith(f"{split}/")}
        assert {key: outcome.value[key] for key in reported} == reported


def test_the_scores_of_a_run_are_not_written_over(trained: Trained, command: Command) -> None:
    before = {path.name: path.read_bytes() for path in trained.folder.glob("*.*")}
    outcome = command("evaluate", f"checkpoint={trained.checkpoint}", "split=val", f"output={trained.folder}", QUIET)
    assert outcome.code == 1
    assert "is the folder of a run, whose own scores would be lost" in outcome.text
    assert {path.name: path.read_bytes() for path in trained.folder.glob("*.*")} == before


def test_scores_go_to_a_folder_in_the_home(
    trained: Trained, command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    outcome = command("evaluate", f"checkpoint={trained.checkpoint}", "output='~/out'", QUIET)
    assert outcome.code == 0, outcome.text
    assert (tmp_path / "home" / "out" / "metrics.json").is_file()


def test_scores_do_not_depend_on_the_batch_size(trained: Trained, command: Command) -> None:
    outcome = command("evaluate", f"checkpoint={trained.checkpoint}", "data.batch_size=3", QUIET)
    assert outcome.value["test/mean_iou"] == pytest.approx(trained.value["test/mean_iou"], abs=1e-4)
    assert outcome.value["test/loss"] == pytest.approx(trained.value["test/loss"], rel=1e-4)


def test_overrides_win_over_the_checkpoint(trained: Trained, command: Command) -> None:
    outcome = command("evaluate", f"checkpoint={trained.checkpoint}", "data.images.test=2", "data.data_seed=9", QUIET)
    assert outcome.value["test/mean_iou"] != trained.value["test/mean_iou"]


def test_other_data_are_normalised_as_the_net_was_trained_unless_that_is_overridden_too(
    lively: Trained, command: Command, tmp_path: Path
) -> None:
    other = {"mean": [99.0, 120.0, 140.0], "std": [50.0, 60.0, 70.0], "order": "BGR", "scale": 255.0}
    saved = torch.load(lively.checkpoint, weights_only=True)
    saved["fcnlab"] |= other
    saved["fcnlab"]["config"]["data"] |= other
    torch.save(saved, tmp_path / "x.ckpt")
    words = ("evaluate", f"checkpoint={tmp_path}/x.ckpt", QUIET)
    data = ("data=shapes", *(word for word in TINY if word.startswith("data.")))
    told, typed = command(*words), command(*words, *data)
    assert typed.code == 0, typed.text
    assert typed.value == told.value
    for word in ("data.mean=[98,120,140]", "data.std=[50,60,71]", "++data.order=RGB", "data.scale=254"):
        assert command(*words, *data, word).value["test/loss"] != told.value["test/loss"], word


def test_output_keeps_scores_counts_and_images(trained: Trained, command: Command, tmp_path: Path) -> None:
    outcome = command("evaluate", f"checkpoint={trained.checkpoint}", f"output={tmp_path}/here", QUIET)
    assert outcome.code == 0
    counts, reference = np.load(tmp_path / "here" / "counts.npz"), np.load(trained.folder / "counts.npz")
    assert all((counts[key] == reference[key]).all() for key in reference)
    assert (tmp_path / "here" / "metrics.json").is_file()


def test_scores_are_taken_at_the_truths_own_size(trained: Trained, command: Command) -> None:
    outcome = command("evaluate", f"checkpoint={trained.checkpoint}", "data.image_size=[32,48]", "output=o", QUIET)
    assert outcome.code == 0, outcome.text
    known = np.load("o/counts.npz")["true"].sum()
    assert known == np.load(trained.folder / "counts.npz")["true"].sum()


def foreign(path: Path) -> None:
    torch.save({"weight": torch.zeros(2)}, path)


def corrupt(path: Path) -> None:
    path.write_bytes(b"PK not a checkpoint")


class Bomb:
    """Unpickling it would run code."""

    def __reduce__(self):
        return Path.touch, (Path("exploded"),)


def bomb(path: Path) -> None:
    torch.save({"fcnlab": Bomb()}, path)


def hub(path: Path) -> None:
    config = {
        "model": {"_target_": "torch.hub.load", "source": "local"},
        "data": {},
        "loss": {},
        "task": {},
        "metrics": {},
    }
    torch.save({"fcnlab": {"config": config}, "state_dict": {}}, path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (foreign, "was not written by fcnlab"),
        (corrupt, "Cannot read checkpoint="),
        (bomb, "tensors and plain values only"),
        (hub, "asks to build torch.hub.load"),
        (os.mkfifo, "There is no file checkpoint="),  # which would be waited for
    ],
)
def test_a_bad_checkpoint_is_refused_and_runs_no_code(make, message: str, command: Command, tmp_path: Path) -> None:
    make(tmp_path / "x.ckpt")
    outcome = command("evaluate", f"checkpoint={tmp_path}/x.ckpt", QUIET)
    assert outcome.code == 1
    assert message in outcome.text
    assert "Traceback" not in outcome.text
    assert not Path("exploded").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["split=tset"], "Did you mean test"),
        (["data=camvid", "data.root=."], "knows 8 classes"),
        (["model=fcn32s", "model.backbone.width=0.05"], "do not fit FCN"),
        (["tta={flip: true, scales: [1e9]}"], "There is not enough memory"),
    ],
)
def test_what_does_not_fit_the_checkpoint_is_refused(
    words: list[str], message: str, trained: Trained, command: Command
) -> None:
    outcome = command("evaluate", f"checkpoint={trained.checkpoint}", *words, QUIET)
    assert outcome.code == 1
    assert message in outcome.text


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("trainer.limit_test_batches=0", "trainer.limit_test_batches=0 leaves nothing to test"),
        ("trainer.limit_test_batches=0.01", "Lightning refuses"),
        ("trainer.fast_dev_run=true", "Set trainer.limit_test_batches=1 for that"),
    ],
)
def test_a_limit_that_leaves_nothing_is_refused(word: str, told: str, trained: Trained, command: Command) -> None:
    outcome = command("evaluate", f"checkpoint={trained.checkpoint}", word, QUIET)
    assert outcome.code == 1
    assert told in outcome.text


def test_the_title_tells_of_how_many_images_the_scores_are(trained: Trained, command: Command) -> None:
    words = ("evaluate", f"checkpoint={trained.checkpoint}", QUIET, "data.batch_size=3")
    assert "test, 7 images" in " ".join(command(*words).text.split())
    part = command(*words, "trainer.limit_test_batches=1").text
    assert "7 images: 1 of 3 batches of them" in " ".join(part.split())


def test_an_output_that_cannot_be_written_is_told_before_the_test(trained: Trained, command: Command) -> None:
    Path("file").touch()
    outcome = command("evaluate", f"checkpoint={trained.checkpoint}", "output=file")
    assert outcome.code == 1
    assert "Cannot write to output=file: " in outcome.text
    assert "Testing" not in outcome.text


def test_a_missing_checkpoint_is_named(command: Command) -> None:
    outcome = command("evaluate", "checkpoint=nowhere.ckpt")
    assert outcome.code == 1
    assert "no file checkpoint=nowhere.ckpt" in outcome.text
    assert "checkpoint is not set" in command("evaluate").text
