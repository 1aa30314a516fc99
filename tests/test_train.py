"""Training through the command: what it leaves behind, and that a net can learn at all."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
import yaml
from conftest import TINY, Command, Trained

FOUR = ("pixel_accuracy", "mean_accuracy", "mean_iou", "frequency_weighted_iou")


def test_a_run_folder_holds_all_that_was_promised(trained: Trained) -> None:
    for name in ("config.yaml", "record.json", "metrics.json", "history.csv", "counts.npz", "train.log"):
        assert (trained.folder / name).is_file(), name
    assert {path.name for path in (trained.folder / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    metrics = json.loads((trained.folder / "metrics.json").read_text())
    assert metrics == trained.value
    for split in ("train", "val", "test"):
        assert {f"{split}/{name}" for name in ("loss", *FOUR)} <= set(metrics)
    assert all(0 <= value <= 1 for key, value in metrics.items() if not key.endswith("loss"))
    assert "test/iou/background" in metrics


def test_the_record_says_what_a_repetition_needs(trained: Trained) -> None:
    record = json.loads((trained.folder / "record.json").read_text())
    assert record["status"] == "finished"
    assert record["name"] == trained.folder.name
    splits = ("train", "val", "test")
    assert set(record["fingerprint"]) == {*splits, *(f"images of {split}" for split in splits)}
    needed = ("commit", "diff", "source_hash", "lock_hash", "versions", "device", "precision", "parameters", "seconds")
    assert all(record[key] not in (None, {}) for key in needed)
    assert record["class_names"][0] == "background"
    config = yaml.safe_load((trained.folder / "config.yaml").read_text())
    assert config["trainer"]["max_epochs"] == 1
    assert config["data"]["seed"] == 0  # interpolations are resolved


def test_history_has_a_row_per_epoch_whatever_the_logger(trained: Trained) -> None:
    with (trained.folder / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 1
    assert float(rows[0]["val/mean_iou"]) == trained.value["val/mean_iou"]
    assert {"epoch", "step", "lr", "train/loss", "train/mean_iou", "val/loss"} <= set(rows[0])


def test_test_scores_follow_from_the_kept_counts(trained: Trained) -> None:
    counts = np.load(trained.folder / "counts.npz")
    assert list(counts["names"]) == [f"test_{i:05d}" for i in range(7)]
    hit, predicted, true = (counts[key].sum(0) for key in ("true_positive", "predicted", "true"))
    with np.errstate(invalid="ignore"):
        mean_iou = np.nanmean(hit / (predicted + true - hit))
    assert trained.value["test/mean_iou"] == pytest.approx(mean_iou, rel=1e-6)
    assert trained.value["test/pixel_accuracy"] == pytest.approx(hit.sum() / true.sum(), rel=1e-6)


def test_predictions_are_masks_at_the_images_size(trained: Trained) -> None:
    masks = sorted(path for path in (trained.folder / "predictions").glob("*.png") if "panel" not in path.name)
    assert len(masks) == 7
    with PIL.Image.open(masks[0]) as mask:
        assert (mask.mode, mask.size) == ("P", (64, 64))
    with PIL.Image.open(masks[0].with_name(f"{masks[0].stem}_panel.png")) as panel:
        assert panel.size == (3 * 64 + 2 * 4, 64)


def test_a_checkpoint_is_whole_and_holds_plain_values_only(trained: Trained) -> None:
    for name in ("best.ckpt", "last.ckpt"):
        content = torch.load(trained.folder / "checkpoints" / name, weights_only=True)
        assert content["fcnlab"]["class_names"][0] == "background"
        assert len(content["fcnlab"]["palette"]) == len(content["fcnlab"]["class_names"])
        assert content["fcnlab"]["config"]["model"]["skips"] == ["pool4", "pool3"]
        assert {"mean", "std"} <= set(content["fcnlab"])


def test_a_finished_run_is_not_trained_again(trained: Trained, command: Command) -> None:
    before = (trained.folder / "checkpoints" / "best.ckpt").stat().st_mtime_ns
    outcome = command("train", *TINY, f"runs_dir={trained.folder.parent}")
    assert outcome.code == 0
    assert "nothing to train" in outcome.text
    assert outcome.value == trained.value
    assert (trained.folder / "checkpoints" / "best.ckpt").stat().st_mtime_ns == before


@pytest.fixture
def again(trained: Trained, tmp_path: Path) -> Trained:
    """The finished run once more, to be harmed."""
    return Trained(shutil.copytree(trained.folder, tmp_path / "runs" / trained.folder.name), trained.value)


NOTES = ("train.log", ".lock", ".lock.holder")  # written by whoever looks


def contents(run: Trained) -> dict[Path, bytes]:
    kept = [path for path in run.folder.rglob("*") if path.is_file() and path.name not in NOTES]
    return {path: path.read_bytes() for path in kept}


def test_a_finished_run_is_kept_until_its_new_training_can_start(again: Trained, command: Command) -> None:
    (stale := again.folder / "predictions" / "stale.png").touch()
    before, words = contents(again), (*TINY, f"runs_dir={again.folder.parent}", "rerun=all")
    assert command("train", *words, "trainer.accelerator=npu").code == 1
    assert contents(again) == before
    assert command("train", *words).code == 0
    assert not stale.exists()
    assert json.loads((again.folder / "record.json").read_text())["status"] == "finished"


@pytest.mark.parametrize("lost", ["record.json", "metrics.json"])
def test_a_finished_run_without_its_scores_is_scored_again(again: Trained, lost: str, command: Command) -> None:
    before, words = (again.folder / "counts.npz").read_bytes(), (*TINY, f"runs_dir={again.folder.parent}")
    (again.folder / lost).write_text("")
    broken = command("train", *words)
    assert broken.code == 1
    assert f"{lost} is damaged" in broken.text
    (again.folder / lost).unlink()
    outcome = command("train", *words)
    assert outcome.code == 0, outcome.text
    assert outcome.value == again.value
    assert (again.folder / "counts.npz").read_bytes() == before


def test_a_damaged_best_checkpoint_is_told_before_hours_are_spent(again: Trained, command: Command) -> None:
    (again.folder / "record.json").unlink()
    best = again.folder / "checkpoints" / "best.ckpt"
    best.write_bytes(best.read_bytes()[:5000])
    outcome = command("train", *TINY, f"runs_dir={again.folder.parent}")
    assert outcome.code == 1
    assert "Cannot read checkpoint=" in outcome.text
    assert "best.ckpt" in outcome.text
    assert "Going on from" not in outcome.text


@pytest.mark.slow
@pytest.mark.parametrize("model", ["fcn32s", "fcn16s", "fcn8s"])
def test_one_batch_can_be_memorised(model: str, command: Command) -> None:
    wide = [word for word in TINY if not any(part in word for part in ("width", "fc_channels", "epochs"))]
    learn = ("trainer=overfit", "optim.lr=0.003", "scheduler=constant", "data.batch_size=2")
    narrow = (
        "model.backbone.width=0.1",
        "model.backbone.fc_channels=64",
        "model.backbone.dropout=0",
        "data.augment=[]",
    )
    few = ("data.count=[2,2]", "data.radius=[20,28]")
    outcome = command("train", *wide, *learn, *narrow, *few, f"model={model}")
    assert outcome.code == 0, outcome.text
    # A coarse net cannot draw fine outlines, however well it knows the batch.
    assert outcome.value["train/mean_iou"] > {"fcn32s": 0.6, "fcn16s": 0.75, "fcn8s": 0.85}[model]


@pytest.mark.slow
def test_every_data_set_trains_with_the_same_command(command: Command, test_data: Path) -> None:
    few = (
        "data.image_size=[90,120]",
        "trainer=smoke",
        "logger=none",
        "model.backbone.width=0.05",
        "model.backbone.fc_channels=8",
    )
    outcome = command("train", "model=fcn32s", "data=camvid", f"data.root={test_data}/CamVid", *few)
    assert outcome.code == 0, outcome.text
    assert "test/iou/road" in outcome.value


def test_weights_and_the_papers_sum_can_be_asked_for(command: Command, trained: Trained) -> None:
    more = (f"weights={trained.checkpoint}", "loss.reduction=sum", "optim=sgd", "optim.reduction=sum", "optim.lr=1e-9")
    outcome = command("train", *TINY, *more, "loss.class_weights=median_frequency", "early_stopping={patience: 3}")
    assert outcome.code == 0, outcome.text
    assert "copied" in outcome.text


def test_w_and_b_gets_an_offline_run_with_config_group_tags_and_images(command: Command, tmp_path: Path) -> None:
    outcome = command("train", *[word for word in TINY if word != "logger=none"])
    assert outcome.code == 0, outcome.text
    (run,) = (tmp_path / "runs").glob("shapes-*")
    wandb_id = json.loads((run / "record.json").read_text())["wandb_id"]
    (offline,) = (tmp_path / "runs" / "wandb").glob(f"offline-run-*-{wandb_id}")
    assert list((offline / "files" / "media" / "images").rglob("*.png"))


@pytest.mark.parametrize(
    "words",
    [(), pytest.param(("trainer.deterministic=true",), marks=pytest.mark.slow)],
    ids=["default", "deterministic"],
)
def test_the_same_config_and_seed_give_the_same_bits_with_any_number_of_workers(
    words: tuple[str, ...], command: Command, tmp_path: Path
) -> None:
    two_epochs = [word for word in TINY if word != "epochs=1"] + ["epochs=2"]
    runs = []
    for workers in ("0", "2"):
        outcome = command("train", *two_epochs, *words, f"data.num_workers={workers}", f"runs_dir={tmp_path}/{workers}")
        assert outcome.code == 0, outcome.text
        runs += (tmp_path / workers).glob("shapes-*")
    assert (runs[0] / "metrics.json").read_bytes() == (runs[1] / "metrics.json").read_bytes()
    weights = [torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"] for run in runs]
    assert weights[0].keys() == weights[1].keys()
    for name, tensor in weights[0].items():
        assert torch.equal(tensor, weights[1][name]), name


@pytest.mark.slow
def test_a_job_leaves_the_next_one_no_deterministic_mode(command: Command) -> None:
    outcome = command("train", "-m", *TINY, "trainer=smoke", "trainer.deterministic=true,null")
    assert outcome.code == 0, outcome.text
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_checkpoint_of_another_run_in_a_runs_folder_is_not_taken_up(trained: Trained, command: Command) -> None:
    """Two seeds have the same net: its tensors would fit."""
    run = Path("runs") / trained.folder.name
    shutil.copytree(trained.folder, run)
    assert command("train", *TINY, "seed=1").code == 0
    (other,) = Path("runs").glob("*-s1-*")
    shutil.copy(other / "checkpoints" / "last.ckpt", run / "checkpoints" / "last.ckpt")
    (run / "metrics.json").unlink()
    outcome = command("train", *TINY)
    assert outcome.code == 1
    assert f"is not of this run: {other.name} wrote it" in outcome.text
    shutil.copy(trained.folder / "checkpoints" / "last.ckpt", run / "checkpoints" / "last.ckpt")
    assert command("train", *TINY).value == trained.value
