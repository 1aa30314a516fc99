"""Results stand in the README between two markers, and nothing else of it changes."""

from pathlib import Path
from typing import Any

import pytest

from fcnlab.comparison.finished import find_runs, read_runs
from fcnlab.comparison.readme import markers, write_results
from fcnlab.comparison.summary import summarise
from fcnlab.comparison.variants import group
from fcnlab.error import UserError


@pytest.fixture
def comparison(finished: Path) -> dict[str, Any]:
    return summarise(group(read_runs(find_runs(str(finished), "runs"))[0]), {}, samples=10)


def test_only_what_stands_between_the_markers_is_written_anew(comparison: dict[str, Any], tmp_path: Path) -> None:
    first, last = markers("shapes")
    readme = tmp_path / "README.md"
    readme.write_text(f"# Title\n\n{first}\nold\n{last}\n\nAfter.\n")
    write_results(readme, comparison)
    text = readme.read_text()
    assert text.startswith(f"# Title\n\n{first}\n\n| model | n | mean IU |")
    assert text.endswith(f"\n\n{last}\n\nAfter.\n")
    assert "old" not in text
    record = comparison["rows"][0]
    for part in ("| fcn32s | 2 | ", "±", record["device"][0], "torch ", record["commit"][0]):
        assert part in text
    write_results(readme, comparison)
    assert readme.read_text() == text


def test_without_markers_nothing_is_written(comparison: dict[str, Any], tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"{markers('shapes')[0]}\nno end\n")
    with pytest.raises(UserError, match="no markers for the results of shapes. Put two lines"):
        write_results(readme, comparison)
    assert readme.read_text().endswith("no end\n")


def test_one_table_is_of_one_experiment(comparison: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="several experiments: plain, shapes"):
        write_results(tmp_path / "README.md", comparison | {"experiments": ["plain", "shapes"]})
