"""Metrics of three makers beside the paper's four: equal to their formulas in numpy."""

import numpy as np
import pytest
from conftest import Trained
from metric.test_boundary import by_hand
from stranger.brought import Bring, bring, confusion, refused  # noqa: F401

CLASSES = ("background", "disc", "square", "triangle", "star", "ring", "bar", "cross")


def test_six_metrics_are_their_formulas_on_a_net_that_is_only_tested(bring: Bring, lively: Trained) -> None:  # noqa: F811
    words = ("train=false", f"weights={lively.checkpoint}", "data.classes=null", "model.backbone.fc_channels=16")
    run = bring("metrics=six", *words)
    assert not (run.folder / "checkpoints").exists()
    for split in ("val", "test"):
        logits, masks = run.outputs(split, lively.checkpoint)
        prediction, truth = logits.argmax(1)[masks != 255].numpy(), masks[masks != 255].numpy()
        pairs = confusion(prediction, truth, len(CLASSES))
        assert (pairs.sum(0) > 0).sum() > 1, "the net predicts one class only"
        hit, true, predicted = np.diag(pairs), pairs.sum(1), pairs.sum(0)
        occurs = true + predicted > 0
        dice = 2 * hit[occurs] / (true + predicted)[occurs]
        accuracy, chance = hit.sum() / pairs.sum(), (true * predicted).sum() / pairs.sum() ** 2
        got = {key: run.value[f"{split}/{key}"] for key in ("dice_score", "f1", "kappa", "errors")}
        expected = {"dice_score": dice.mean(), "f1": accuracy, "errors": 1 - accuracy}
        assert got == pytest.approx(expected | {"kappa": (accuracy - chance) / (1 - chance)}, rel=1e-5, abs=1e-6)
        for label, name in enumerate(CLASSES):
            union = true[label] + predicted[label] - hit[label]
            assert run.value[f"{split}/jaccard/{name}"] == pytest.approx(hit[label] / union if union else 0, rel=1e-5)
        outlines = by_hand(logits.argmax(1).numpy(), masks.numpy(), tolerance=0.02)
        assert run.value[f"{split}/outlines"] == pytest.approx(outlines, rel=1e-6)
    assert "val/kappa" in run.history[0]


def test_the_groups_of_conf_go_together_and_may_rule_the_best(bring: Bring) -> None:  # noqa: F811
    run = bring("metrics=[dice,boundary]", "monitor={metric: val/boundary, mode: max}", "epochs=3", "optim.lr=0.05")
    scores = [row["val/boundary"] for row in run.history]
    assert run.value["val/boundary"] == max(scores)
    assert {"val/dice", "test/dice", "test/boundary"} <= set(run.value)


@pytest.mark.slow
def test_what_is_no_metric_or_takes_a_name_of_ours_is_refused(refused) -> None:  # noqa: F811
    assert "It must be a torchmetrics.Metric" in refused("+metrics.x={_target_: builtins.dict}")
    taken = refused("+metrics.mean_iou={_target_: mylab.Errors}")
    assert "this is the name of a score that is always there" in taken
