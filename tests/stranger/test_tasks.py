"""LightningModules of one's own: a subclass, one that shares nothing with ours, and a function."""

import json
import re
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from conftest import Command, leave_at_epoch
from stranger.brought import WORDS, Bring, bring, refused  # noqa: F401

from fcnlab.callbacks.history import History
from fcnlab.error import UserError
from fcnlab.task.segmentation import SegmentationTask

QUIET = "trainer.enable_progress_bar=false"


@pytest.mark.slow
def test_a_subclass_with_a_loss_on_pool4_learns_it_and_is_evaluated_where_it_is_trusted(
    bring: Bring,  # noqa: F811
    command: Command,
) -> None:
    run = bring("task=pool4")
    assert run.history[0]["train/pool4_loss"] > 0
    begun = torch.nn.Conv2d(26, 3, 1).weight.std()  # of torch's own initial values
    head = torch.load(run.best, weights_only=True)["state_dict"]["score_pool4.weight"]
    assert head.shape[0] == 3
    assert head.std() > 0.1 * begun
    plain = bring(runs="plain")
    assert not torch.equal(
        run.last()["state_dict"]["net.backbone.conv1_1.weight"],
        plain.last()["state_dict"]["net.backbone.conv1_1.weight"],
    )
    told = command("evaluate", f"checkpoint={run.best}", QUIET)
    assert told.code == 1
    assert "asks to build mylab.Pool4Task" in told.text
    assert "trust=[" in told.text
    scores = command("evaluate", f"checkpoint={run.best}", "trust=[mylab]", QUIET)
    assert scores.code == 0, scores.text
    assert scores.value["test/loss"] == run.value["test/loss"]
    task = SegmentationTask.load(run.best, trust=["mylab"])
    assert torch.equal(task.score_pool4.weight, head)
    with pytest.raises(UserError, match="asks to build mylab.Pool4Task"):
        SegmentationTask.load(run.best)


def test_two_optimisers_called_by_hand_count_as_one_step_and_go_on_to_the_bit(
    bring: Bring,  # noqa: F811
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = ("task=by_hand", "monitor={metric: my_score, mode: max}", "epochs=2")
    whole = bring(*words, runs="whole")
    assert re.findall(r"^epoch \d/2  step (\d)/4", whole.text, re.M) == ["2", "4"]
    with monkeypatch.context() as patch:
        patch.setattr(History, "on_train_epoch_end", leave_at_epoch(2))
        assert command("train", *WORDS, *words, "runs_dir=cut").code == 1
    again = bring(*words, runs="cut")
    assert re.findall(r"^epoch \d/2  step (\d)/4", again.text, re.M) == ["4"]
    torch.testing.assert_close(again.last()["state_dict"], whole.last()["state_dict"], rtol=0, atol=0)
    torch.testing.assert_close(again.last()["optimizer_states"], whole.last()["optimizer_states"], rtol=0, atol=0)


@pytest.mark.slow
def test_a_task_that_shares_nothing_keeps_folder_record_resume_and_sweep(
    bring: Bring,  # noqa: F811
    command: Command,
) -> None:
    words = ("task=alone", "monitor={metric: my_score, mode: max}", "epochs=3")
    run = bring(*words)
    assert "A Alone has no test_step: there are no test scores." in run.text
    scores = [row["my_score"] for row in run.history]
    assert run.value["my_score"] == max(scores) == json.loads((run.folder / "metrics.json").read_text())["my_score"]
    assert run.best.is_file()
    assert run.record["status"] == "finished"
    assert run.record["parameters"] == 3 * 6 * 9 + 6 + 6 * 3 + 3
    assert "nothing to train" in bring(*words).text
    sweep = command("train", "-m", *WORDS, "task=alone_tested", "monitor.metric=my_score", "seed=0,1")
    assert sweep.code == 0, sweep.text
    assert sweep.text.count("No counts per image and no predictions") == 2
    assert len(list(Path("runs").glob("shapes-*"))) == 3


def test_a_task_that_shares_nothing_is_evaluated_and_predicts_with_its_own_weights(
    bring: Bring,  # noqa: F811
    command: Command,
) -> None:
    run = bring("task=alone_tested", "monitor.metric=my_score")
    words = (f"checkpoint={run.best}", "trust=[mylab]", QUIET)
    scores = command("evaluate", *words)
    assert scores.code == 0, scores.text
    assert scores.value["test/right"] == run.value["test/right"]
    Path("photos").mkdir()
    PIL.Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)).save("photos/a.png")
    predicted = command("predict", *words, "images=photos", "output=masks")
    assert predicted.code == 0, predicted.text
    with PIL.Image.open("masks/a.png") as mask:
        assert mask.size == (30, 20)
    told = command("predict", *words, "images=photos", "output=masks", "tile=64")
    assert "tile and tta change what task.net sees" in told.text
    with pytest.raises(UserError, match="holds a AloneTested, no SegmentationTask"):
        SegmentationTask.load(run.best, trust=["mylab"])


def test_a_function_may_make_the_task_and_a_net_with_aux_is_learned_by_both_outputs(bring: Bring) -> None:  # noqa: F811
    run = bring("task=aux")
    row = run.history[0]
    assert row["train/loss"] == pytest.approx(row["train/loss/main"] + 0.25 * row["train/loss/aux"], rel=1e-5)
    assert row["train/loss/aux"] > 0
    assert "val/loss/aux" not in row
    assert run.value["val/loss"] > 0
