"""Finished runs are found and read; what cannot be compared is refused with value, rule and hint."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from comparison.conftest import one
from conftest import TINY, Command

from fcnlab.comparison.finished import find_runs, read_run, read_runs
from fcnlab.error import UserError
from fcnlab.run.files import read_json, write_json

Change = Callable[[Path], None]


def test_runs_are_named_by_folder_parent_glob_or_name(finished: Path) -> None:
    every = set(finished.glob("shapes-*"))
    some = one(finished, "fcn8s-shapes-s1")
    assert set(find_runs(str(finished), "runs")) == set(find_runs(f"{finished}/shapes-*", "runs")) == every
    assert find_runs(str(some), "runs") == find_runs(some.name, str(finished)) == [some]
    assert find_runs([some.name, f"{finished}/*fcn8s*s1*"], str(finished)) == [some]
    assert find_runs("*fcn8s*s1*", str(finished)) == [some]
    with pytest.raises(UserError, match=f"names no run. .*Did you mean .*{some.name}"):
        find_runs(some.name[:-1], str(finished))


def record(**facts: Any) -> Change:
    def change(run: Path) -> None:
        write_json(run / "record.json", read_json(run / "record.json") | facts)

    return change


def test_a_run_that_is_not_finished_is_left_out_and_named(copy: Path, command: Command) -> None:
    run = one(copy, "fcn8s-shapes-s1")
    record(status="running")(run)
    outcome = command("compare", f"runs={copy}")
    assert outcome.code == 0, outcome.text
    assert f"Left out: {run.name}: it is running, not finished" in outcome.text
    assert [row["seeds"] for row in outcome.value["rows"]] == [[0, 1], [0]]
    (one(copy, "fcn32s-shapes-s0") / "counts.npz").unlink()
    assert "it lacks counts.npz: not tested, or by older code" in command("compare", f"runs={copy}").text
    nothing = command("compare", f"runs={run}")
    assert nothing.code == 1
    assert "None of 1 runs can be compared" in nothing.text


def test_scores_that_a_task_does_not_log_are_those_of_its_counts(copy: Path) -> None:
    before = read_run(one(copy, "fcn8s-shapes-s1")).metrics
    file = one(copy, "fcn8s-shapes-s1") / "metrics.json"
    write_json(file, {"test/mean_iou": 0.5})
    after = read_run(file.parent).metrics
    assert after.pop("test/mean_iou") == 0.5  # as it was logged
    assert after.keys() == {"test/pixel_accuracy", "test/mean_accuracy", "test/frequency_weighted_iou"}
    assert all(score == pytest.approx(before[key]) for key, score in after.items())


@pytest.mark.parametrize("name", ["record.json", "metrics.json", "config.yaml", "history.csv", "counts.npz"])
@pytest.mark.parametrize("keep", [0, 0.5, None], ids=["empty", "half", "random"])
def test_a_damaged_run_is_left_out_and_its_file_named(name: str, keep: float | None, copy: Path) -> None:
    file = one(copy, "fcn8s-shapes-s1") / name
    whole = file.read_bytes()
    file.write_bytes(np.random.default_rng(0).bytes(500) if keep is None else whole[: int(len(whole) * keep)])
    runs, left_out = read_runs(find_runs(str(copy), "runs"))
    if name == "history.csv" and keep is not None:
        return  # a shorter history is a history
    assert len(runs) == 3
    assert f"{name} is damaged" in left_out[file.parent.name]


def other_pixels(run: Path) -> None:
    known = json.loads((run / "record.json").read_text())
    known["fingerprint"]["images of test"] = "under the same masks"
    (run / "record.json").write_text(json.dumps(known))


def other_images(run: Path) -> None:
    with np.load(run / "counts.npz") as counts:
        np.savez(run / "counts.npz", **{**counts, "names": [f"val_{name}" for name in counts["names"]]})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (record(class_names=["cat", "dog"]), "knows 2 classes (cat, dog)"),
        (other_images, "was tested on another split"),
        (other_pixels, "was tested on other data than"),
        (record(name="shapes-fcn8s-shapes-s0"), "is given 2 times"),
    ],
)
def test_runs_that_cannot_be_compared_are_refused(change: Change, message: str, copy: Path, command: Command) -> None:
    change(one(copy, "fcn32s-shapes-s1"))
    if "given" in message:
        change(one(copy, "fcn8s-shapes-s1"))
    outcome = command("compare", f"runs={copy}")
    assert outcome.code == 1
    assert message in outcome.text
    assert "Traceback" not in outcome.text


def test_a_run_tested_on_other_data_is_refused(finished: Path, command: Command) -> None:
    words = [word for word in TINY if not word.startswith("epochs")]
    assert command("train", *words, "epochs=1", "data.data_seed=9").code == 0
    outcome = command("compare", f"runs=[runs,{finished}]")
    assert outcome.code == 1
    assert "was tested on other data than" in outcome.text
    assert "Scores compare only on the same test images" in outcome.text


def test_brackets_in_a_path_belong_to_the_name(tmp_path: Path) -> None:
    run = tmp_path / "runs [old]" / "shapes-a"
    run.mkdir(parents=True)
    (run / "record.json").write_text("{}")
    (tmp_path / "runs o").mkdir()
    assert find_runs(f"{tmp_path}/runs [old]/shapes-*", "runs") == [run]
    assert find_runs(f"{tmp_path}/runs ?old]/shapes-a", "runs") == [run]


def test_a_word_that_hydra_cannot_read_is_told_with_its_quotes(command: Command) -> None:
    outcome = command("compare", "runs=runs [old]/shapes-*")
    assert """: "runs='runs [old]/shapes-*'\"""" in outcome.text
    assert "runs=runs [old]/shapes-* names no run" in command("compare", "runs='runs [old]/shapes-*'").text
