"""An experiment is reproduced when every row is within tolerance; the exit code says so."""

from pathlib import Path

import pytest
from conftest import TINY, Command

from fcnlab.run.files import read_json, write_json

SMALL = [word for word in TINY if not word.startswith("epochs")] + ["epochs=1", "variants=[fcn32s,fcn8s]", "samples=10"]


def expect(tolerance: float) -> list[str]:
    return [f"by_variant.{name}.expected={{mean_iou: 0.5, tolerance: {tolerance}}}" for name in ("fcn32s", "fcn8s")]


@pytest.mark.slow
def test_rows_within_tolerance_exit_with_0_and_others_with_1(command: Command) -> None:
    done = command("reproduce", *SMALL, *expect(0.5))
    assert done.code == 0, done.text
    assert [(row["variant"], row["seeds"]) for row in done.value["rows"]] == [("fcn32s", [0, 1]), ("fcn8s", [0, 1])]
    assert done.text.count("50.0 ± 50.0") == done.text.count(" yes") == 2
    assert Path("runs/comparison-shapes/comparison.html").is_file()

    # Typed again, nothing is trained; expectations are today's, not those of the day of the training.
    record = next(Path("runs").glob("shapes-fcn8s-shapes-s1-*/record.json"))
    write_json(record, read_json(record) | {"source_hash": "of another day"})
    missed = command("reproduce", *SMALL, *expect(0.01), "seeds=[1]")
    assert missed.code == 1
    assert missed.text.count("nothing to train") == 1
    assert "1 of 2 runs were trained by other code than today's; rerun=changed" in missed.text
    assert missed.text.count(" NO") == 2
    assert "experiment=shapes is not reproduced: fcn32s, fcn8s out of tolerance" in missed.text
    assert len(list(Path("runs").glob("shapes-*"))) == 4

    # A run that cannot be compared is no reproduction, and no README is written.
    next(Path("runs").glob("shapes-fcn8s-shapes-s1-*/counts.npz")).unlink()
    Path("README.md").write_text("<!-- results: shapes -->\n<!-- end of results: shapes -->\n")
    lost = command("reproduce", *SMALL, *expect(0.5), "readme=README.md")
    assert lost.code == 1
    assert "left out of the comparison" in lost.text
    assert "|" not in Path("README.md").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data=shapes"], "experiment=plain lists no seeds or expects no score"),
        (["experiment=shapes", "variants=[fcn4s]"], "Known: fcn16s, fcn32s, fcn8s"),
        (["experiment=shapes", "model=fcn8s"], "Choose with variants=[...]"),
        (["experiment=shapes", "seed=3"], "Choose with seeds=[...]"),
    ],
)
def test_what_cannot_be_reproduced_is_refused(words: list[str], message: str, command: Command) -> None:
    outcome = command("reproduce", *words)
    assert outcome.code == 1
    assert message in outcome.text


@pytest.mark.slow
def test_a_training_that_fails_is_no_reproduction(command: Command) -> None:
    outcome = command("reproduce", *SMALL, "data.batch_size=999", "seeds=[0]")
    assert outcome.code == 1
    assert "Not all runs could be trained" in outcome.text
