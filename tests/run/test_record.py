"""A run's name follows from what can change its result, and its record tells how it ended."""

import json
import pickle
from pathlib import Path

import pytest

from fcnlab.cli.compose import compose, plain
from fcnlab.cli.terminal import say
from fcnlab.run.files import write_json
from fcnlab.run.record import Result, Run


def a_run(tmp_path: Path) -> Run:
    return Run(plain(compose("train", ["experiment=shapes", f"runs_dir={tmp_path}"])))


@pytest.mark.parametrize(
    ("error", "status"), [(None, "finished"), (ZeroDivisionError, "failed"), (KeyboardInterrupt, "interrupted")]
)
def test_the_record_tells_how_a_run_ended(tmp_path: Path, error: type[BaseException] | None, status: str) -> None:
    def go() -> None:
        with a_run(tmp_path):
            if error:
                raise error("in the middle")

    if error:
        with pytest.raises(error):
            go()
    else:
        go()
    run = a_run(tmp_path)
    assert json.loads((run.folder / "record.json").read_text())["status"] == status
    assert ("in the middle" in (run.folder / "train.log").read_text()) == bool(error)


def test_a_finished_run_of_other_code_is_not_passed_off_as_current(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with a_run(tmp_path) as run:
        write_json(run.folder / "metrics.json", {})
    assert a_run(tmp_path).is_done("no")
    assert "nothing to train" in capsys.readouterr().out
    assert a_run(tmp_path).is_done("changed")
    monkeypatch.setattr("fcnlab.run.record.source_hash", lambda config: "other")
    assert a_run(tmp_path).is_done("no")
    assert "other code than today's. rerun=changed" in capsys.readouterr().out
    assert not a_run(tmp_path).is_done("changed")
    assert not a_run(tmp_path).is_done("all")


def test_a_run_begun_anew_forgets_all_that_was_made_of_the_earlier_one(tmp_path: Path) -> None:
    made = (
        "checkpoints/best.ckpt",
        "predictions/a.png",
        "export/model.onnx",
        "metrics.json",
        "history.csv",
        "counts.npz",
    )
    with a_run(tmp_path) as run:
        for name in made:
            (run.folder / name).parent.mkdir(exist_ok=True)
            (run.folder / name).touch()
    again = a_run(tmp_path)
    assert not again.is_done("all")
    with again:
        again.begin()
        assert not [name for name in made if (run.folder / name).exists()]


def test_a_failed_run_goes_on_from_its_checkpoint_and_its_record_tells_of_other_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ZeroDivisionError), a_run(tmp_path) as run:
        checkpoint = run.folder / "checkpoints" / "last.ckpt"
        checkpoint.parent.mkdir()
        checkpoint.touch()
        raise ZeroDivisionError
    run = a_run(tmp_path)
    assert not run.is_done("all")
    with run:
        assert run.last_checkpoint == checkpoint
    assert run.outcome == "resumed"
    assert "earlier_code" not in run.record
    run.write(status="interrupted")
    first = run.record["source_hash"]
    monkeypatch.setattr("fcnlab.run.record.source_hash", lambda config: "other")
    monkeypatch.setattr("fcnlab.run.record.circumstances", lambda config: {"source_hash": "other", "lock_hash": None})
    run = a_run(tmp_path)
    assert not run.is_done("no")
    with run:
        assert run.last_checkpoint == checkpoint
    assert run.record["earlier_code"][0]["source_hash"] == first
    assert "begun by other code" in capsys.readouterr().out
    monkeypatch.setattr("fcnlab.run.record.lock_hash", lambda: None)
    assert run.is_of_other_code()  # a part of it was
    run.write(status="interrupted")
    run = a_run(tmp_path)
    assert not run.is_done("changed")
    with run:
        assert run.last_checkpoint is None
    assert not run.is_of_other_code()


@pytest.mark.slow
def test_a_run_trained_anew_keeps_nothing_of_the_old_one(tmp_path: Path) -> None:
    with a_run(tmp_path) as run:
        for name in ("metrics.json", "history.csv", "counts.npz"):
            (run.folder / name).write_text("{}")
    run = a_run(tmp_path)
    assert not run.is_done("all")
    with pytest.raises(ZeroDivisionError), run:
        raise ZeroDivisionError  # before the new training could start
    assert (run.folder / "metrics.json").is_file()
    run = a_run(tmp_path)
    assert run.record["status"] == "finished"
    assert not run.is_done("all")
    with pytest.raises(ZeroDivisionError), run:
        run.begin()
        raise ZeroDivisionError
    assert a_run(tmp_path).record["status"] == "failed"
    assert {path.name for path in run.folder.iterdir()} == {
        *(".lock", ".lock.holder", "config.yaml", "record.json", "train.log")
    }


def test_the_best_that_was_scored_and_is_lost_is_not_replaced_by_the_last(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    assert run.scored_checkpoint().name == "last.ckpt"  # no validation yet
    write_json(run.folder / "metrics.json", {"train/mean_iou": 0.5})
    assert run.scored_checkpoint().name == "last.ckpt"  # nor in the whole training
    write_json(run.folder / "metrics.json", {"val/mean_iou": 0.5})
    assert run.scored_checkpoint().name == "best.ckpt"


def test_what_is_printed_is_in_the_runs_log(tmp_path: Path) -> None:
    with a_run(tmp_path) as run:
        say("so many parameters")
    assert "so many parameters" in (run.folder / "train.log").read_text()


def test_a_result_is_its_scores_and_what_a_search_maximises() -> None:
    result = pickle.loads(pickle.dumps(Result({"val/mean_iou": 0.25})))
    assert result == {"val/mean_iou": 0.25}
    assert float(result) == 0.25
