"""The bench prints its rows with their goals and keeps them with device and versions."""

import json
from pathlib import Path

import pytest
from conftest import Command

from fcnlab.bench import SECTIONS

TINY = (
    *("rounds=1", "net.image=[32,48]", "net.width=0.05", "net.fc_channels=16", "loop_batches=4", "loader_images=20"),
    *("batches={ours: 2, gpu: 2, torchvision: 2}", "growth={sides: [32,64], batches: [1,2], classes: [2,5]}"),
)


def test_every_section_is_a_module_and_its_default() -> None:
    from fcnlab.compose import compose

    assert list(SECTIONS) == list(compose("bench").sections)


def test_figures_and_goals_are_printed_and_kept(command: Command, tmp_path: Path) -> None:
    outcome = command("bench", *TINY, "sections=[loader,loop,growth]", f"output={tmp_path / 'out'}")
    assert outcome.code == 0, outcome.text
    assert ">= 1.4" in outcome.text
    kept = json.loads((tmp_path / "out" / "bench.json").read_text())
    rows = {(row["what"], row["measured"]): row for row in kept["rows"]}
    assert len(rows) == 9
    for row in rows.values():
        assert row["low"] <= row["value"] <= row["high"]
        assert row["reached"] in (True, False)
    assert kept["device"]
    assert kept["versions"]["torch"]
    assert kept["config"]["net"]["width"] == 0.05
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]  # nothing else is left behind


def test_an_unknown_section_is_refused(command: Command) -> None:
    outcome = command("bench", "sections=[steps]")
    assert outcome.code == 1
    assert "Did you mean step" in outcome.text or "step" in outcome.text


@pytest.mark.slow
def test_the_step_stands_beside_its_peers(command: Command, tmp_path: Path) -> None:
    outcome = command("bench", *TINY, "sections=[step]", f"output={tmp_path}")
    assert outcome.code == 0, outcome.text
    rows = json.loads((tmp_path / "bench.json").read_text())["rows"]
    assert [bool(row["values"]) for row in rows if "pytorch-fcn" in row["measured"]] == [False, False]
    assert sum(bool(row["values"]) for row in rows) == 3
