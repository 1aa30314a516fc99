"""One command turns finished runs into a table, a page, and the README's results and images."""

import json
from pathlib import Path

from conftest import Command

from fcnlab.comparison.readme import markers


def test_a_comparison_is_printed_and_written_in_every_form(finished: Path, command: Command) -> None:
    outcome = command("compare", f"runs={finished}/shapes-*", "samples=100")
    assert outcome.code == 0, outcome.text
    for part in ("Test scores, %", "fcn32s", "Cost", "IoU by class, %", "Differences: fcn8s against fcn32s."):
        assert part in outcome.text
    written = Path("runs/comparison")
    assert {path.name for path in written.iterdir()} == {f"comparison.{kind}" for kind in ("html", "md", "csv", "json")}
    assert json.loads((written / "comparison.json").read_text()) == outcome.value


def test_the_readme_and_its_images_are_made_by_the_command(finished: Path, command: Command) -> None:
    Path("README.md").write_text("Before\n{}\n{}\n".format(*markers("shapes")))
    words = ("samples=10", "readme=README.md", "gallery=strides.png", "figure=scores.png", "images=2")
    outcome = command("compare", f"runs={finished}", *words)
    assert outcome.code == 0, outcome.text
    assert "Gallery: strides.png" in outcome.text
    assert "| fcn8s | 2 | " in Path("README.md").read_text()
    assert Path("strides.png").is_file()
    assert Path("scores.png").is_file()


def test_runs_must_be_named(command: Command) -> None:
    assert "runs is not set" in command("compare").text
    assert "runs=nowhere names no run" in command("compare", "runs=nowhere").text
