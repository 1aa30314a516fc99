"""The bench prints its rows with their goals and keeps them with device and versions."""

import json
from pathlib import Path

import pytest
from conftest import Command

from fcnlab.bench import SECTIONS
from fcnlab.comparison.readme import markers

TINY = (
    *("rounds=1", "net.image=[32,48]", "net.width=0.05", "net.fc_channels=16", "loop_batches=4", "loader_images=20"),
    *("batches.cpu={ours: 2, textbook: 2, torchvision: 2}", "growth={side: [32,64], batch: [1,2], classes: [2,5]}"),
    "many_classes={classes: 20, side: 64, batch: 1}",
)


def test_every_section_is_a_module_and_its_default() -> None:
    from fcnlab.cli.compose import compose

    assert list(SECTIONS) == list(compose("bench").sections)


@pytest.mark.slow
def test_figures_and_goals_are_printed_and_kept(command: Command, tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("Before\n{}\nold\n{}\nafter\n".format(*markers("bench")))
    words = ("sections=[loader,loop]", f"output={tmp_path / 'out'}", f"readme={readme}")
    outcome = command("bench", *TINY, *words)
    assert outcome.code == 0, outcome.text
    table = readme.read_text()
    assert table.startswith("Before\n")
    assert "old" not in table
    assert "| train metrics | share of the step | " in table
    readme.unlink()
    assert ">= 1.4" in outcome.text
    kept = json.loads((tmp_path / "out" / "bench.json").read_text())
    rows = {(row["what"], row["measured"]): row for row in kept["rows"]}
    assert len(rows) >= 6
    for row in rows.values():
        assert row["low"] <= row["value"] <= row["high"]
        assert row["reached"] in (True, False)
    assert kept["device"]
    assert kept["versions"]["torch"]
    assert kept["config"]["net"]["width"] == 0.05
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]  # nothing else is left behind


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("sections=[steps]", "Did you mean step"),
        ("sections=step", "sections=step is not a list"),
        ("rounds=0", "rounds=0 is not a whole number, 1 or more"),
        ("loader_images=8", "loader_images=8 is not a whole number, 16 or more"),
        ("growth.side=[64,64]", "must hold 2 different values"),
        ("net.image=[360]", "is not a list of 2 whole numbers"),
    ],
)
def test_what_cannot_be_measured_is_refused(command: Command, word: str, message: str) -> None:
    outcome = command("bench", word)
    assert outcome.code == 1
    assert message in outcome.text


@pytest.mark.slow
def test_a_folder_without_pytorch_fcn_is_refused(command: Command, tmp_path: Path) -> None:
    outcome = command("bench", *TINY, "sections=[step]", f"pytorch_fcn={tmp_path}")
    assert outcome.code == 1
    assert "holds no torchfcn" in outcome.text


@pytest.mark.slow
def test_the_step_stands_beside_its_peers(command: Command, tmp_path: Path) -> None:
    outcome = command("bench", *TINY, "sections=[step]", f"output={tmp_path}")
    assert outcome.code == 0, outcome.text
    rows = json.loads((tmp_path / "bench.json").read_text())["rows"]
    assert [bool(row["values"]) for row in rows if "pytorch-fcn" in row["measured"]] == [False, False]
    assert sum(bool(row["values"]) for row in rows) == 3
