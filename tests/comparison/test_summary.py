"""A comparison's numbers are those of the run folders."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from fcnlab.comparison.finished import FinishedRun, find_runs, read_runs
from fcnlab.comparison.summary import checks, spread, summarise
from fcnlab.comparison.variants import group
from fcnlab.run.files import read_json


def counted(runs: Sequence[FinishedRun]) -> float:
    """Mean IU of the pixels of all seeds together, from the files."""
    files = [np.load(run.folder / "counts.npz") for run in runs]
    hit, predicted, true = (sum(f[k].sum(0) for f in files) for k in ("true_positive", "predicted", "true"))
    with np.errstate(invalid="ignore"):
        return float(np.nanmean(hit / (predicted + true - hit)))


def test_scores_are_mean_and_sample_deviation_over_the_seeds(finished: Path) -> None:
    variants = group(read_runs(find_runs(str(finished), "runs"))[0])
    comparison = summarise(variants, {}, samples=10)
    for row in comparison["rows"]:
        metrics = [read_json(finished / name / "metrics.json") for name in row["runs"]]
        for name, values in row["scores"].items():
            expected = [one[f"test/{name}"] for one in metrics]
            assert values == {
                "n": 2,
                "mean": pytest.approx(np.mean(expected)),
                "std": pytest.approx(np.std(expected, ddof=1)),
            }
        assert row["iou"]["background"]["mean"] == pytest.approx(
            np.mean([one["test/iou/background"] for one in metrics])
        )
        assert row["seconds_per_image"]["mean"] > 0  # batches of four: the first is left out
    assert [row["difference_to"] for row in comparison["rows"]] == [None, "fcn32s"]
    assert set(comparison["settings"]) >= {"model.name", "model.skips"}
    assert "data.size" not in comparison["settings"]


def test_epochs_are_those_that_were_trained(finished: Path) -> None:
    runs = read_runs(find_runs(str(finished), "runs"))[0]
    for run in runs:
        run.config["trainer"]["max_epochs"] = -1  # as where steps end the training
    assert [row["epochs"] for row in summarise(group(runs), {}, samples=10)["rows"]] == [2, 2]


def test_the_difference_is_that_of_the_pixels_of_all_seeds_together(finished: Path, tmp_path: Path) -> None:
    runs = shutil.copytree(finished, tmp_path / "runs", ignore=shutil.ignore_patterns("checkpoints"))
    file = next(runs.glob("shapes-fcn8s-shapes-s1-*")) / "counts.npz"
    right = dict(np.load(file))  # one seed of the finer net is now always right
    np.savez(file, **(right | {"true_positive": right["true"], "predicted": right["true"]}))
    variants = group(read_runs(find_runs(str(runs), "runs"))[0])
    coarse, fine = (counted(variant.runs) for variant in variants)
    difference = summarise(variants, {}, samples=10)["rows"][1]["difference"]["mean_iou"]["value"]
    assert difference == pytest.approx(fine - coarse)
    assert difference > 0.01


def test_the_difference_leaves_out_the_classes_that_the_scores_leave_out(finished: Path) -> None:
    runs = read_runs(find_runs(str(finished), "runs"))[0]
    for run in runs:
        run.config["task"]["absent_classes"] = "left_out"  # as in the paper's SIFT Flow
        fine = run.model["name"] == "fcn8s"
        run.counts[:, :, 2] = 0  # never true
        run.counts[1, :, 2] = 50 * fine
    hit, predicted, true = (sum(run.counts[kind].sum(0) for run in runs if run.model["skips"]) for kind in range(3))
    other = [sum(run.counts[kind].sum(0) for run in runs if not run.model["skips"]) for kind in range(3)]
    with np.errstate(invalid="ignore"):
        scores = [float(np.nanmean((h / (p + t - h))[t > 0])) for h, p, t in ((hit, predicted, true), other)]
    difference = summarise(group(runs), {}, samples=10)["rows"][1]["difference"]["mean_iou"]["value"]
    assert difference == pytest.approx(scores[0] - scores[1])


def test_the_deviation_is_that_of_a_sample_and_one_seed_has_none() -> None:
    assert spread([0.2, 0.3, 0.7])["std"] == pytest.approx(np.std([0.2, 0.3, 0.7], ddof=1))
    assert spread([0.5]) == {"n": 1, "mean": 0.5, "std": None}
    assert spread([]) == {"n": 0, "mean": None, "std": None}


def test_what_is_expected_stands_beside_what_came_out(finished: Path) -> None:
    variants = group(read_runs(find_runs(str(finished), "runs"))[0])
    published = {"mean_iou": 0.627, "source": "Long et al. 2015, table 2"}
    rows = {"fcn8s": {"expected": {"mean_iou": 0.5, "tolerance": 0.1}, "published": published}}
    coarse, fine = summarise(variants, {}, samples=10, rows=rows)["rows"]
    assert (coarse["expected"], coarse["published"]) == (None, None)
    assert fine["published"] == published
    # Without rows, the experiment's own of the day of the training.
    assert summarise(variants, {}, samples=10)["rows"][1]["expected"] == variants[1].runs[0].config["row"]["expected"]


@pytest.mark.parametrize(("got", "within"), [(0.61, False), (0.599, True), (0.401, True), (0.39, False)])
def test_a_score_is_within_tolerance_on_both_sides(got: float, within: bool) -> None:
    row = {"expected": {"mean_iou": 0.5, "tolerance": 0.1}, "scores": {"mean_iou": {"mean": got}}}
    assert [check["within"] for check in checks(row)] == [within]
