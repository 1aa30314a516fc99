"""A comparison as tables says the same in the terminal, in Markdown and in CSV."""

import csv
import io
import os
from pathlib import Path
from typing import Any

import pytest

from fcnlab.comparison.finished import find_runs, read_runs
from fcnlab.comparison.summary import summarise
from fcnlab.comparison.table import (
    Grid,
    csv_text,
    expectation_grid,
    markdown,
    notes,
    report,
    score_grid,
    settings_grid,
    show,
)
from fcnlab.comparison.variants import group


@pytest.fixture
def comparison(finished: Path) -> dict[str, Any]:
    return summarise(group(read_runs(find_runs(str(finished), "runs"))[0]), {}, samples=10)


def test_scores_are_shown_in_percent_with_deviation_and_interval(comparison: dict[str, Any]) -> None:
    coarse, fine = comparison["rows"]
    fine["scores"]["mean_iou"] = {"n": 2, "mean": 0.7834, "std": 0.0061}
    fine["difference"]["mean_iou"] = {"value": 0.1188, "low": 0.1102, "high": 0.1265}
    coarse["scores"]["mean_iou"] = {"n": 1, "mean": 0.4, "std": None}
    first, second = score_grid(comparison).rows
    assert first[:4] == ["fcn32s", "2", "40.0", "-"]
    assert second[:4] == ["fcn8s", "2", "78.3 ± 0.6", "+11.9 [11.0, 12.7]"]


def test_a_published_number_gets_a_column_and_its_source(comparison: dict[str, Any]) -> None:
    assert "published mean IU" not in score_grid(comparison).headings
    comparison["rows"][1]["published"] = {"mean_iou": 0.627, "source": "Long et al. 2015, table 2"}
    grid = score_grid(comparison)
    assert (grid.headings[-1], [row[-1] for row in grid.rows]) == ("published mean IU", ["-", "62.7"])
    assert "Published: Long et al. 2015, table 2." in notes(comparison)


def test_settings_that_differ_are_shown_as_overrides(comparison: dict[str, Any]) -> None:
    assert ["model.skips", "[]", "[pool4,pool3]"] in settings_grid(comparison).rows
    assert ["epochs", "2", "2"] not in settings_grid(comparison).rows


def test_what_makes_runs_unlike_is_told(comparison: dict[str, Any]) -> None:
    assert not any("come from" in note for note in notes(comparison))
    comparison["rows"][0]["device"] = ["another"]
    assert "The runs come from 2 devices: times do not compare." in notes(comparison)


def test_expectations_are_answered_row_by_row(comparison: dict[str, Any]) -> None:
    for row, expected in zip(comparison["rows"], (0.5, 0.6), strict=True):
        row["expected"] = {"mean_iou": expected, "tolerance": 0.05}
        row["scores"]["mean_iou"] = {"n": 2, "mean": 0.52, "std": 0.01}
    rows = expectation_grid(comparison).rows
    assert rows == [
        ["fcn32s", "mean IU", "2", "50.0 ± 5.0", "52.0 ± 1.0", "yes"],
        ["fcn8s", "mean IU", "2", "60.0 ± 5.0", "52.0 ± 1.0", "NO"],
    ]


def test_a_table_in_markdown_and_in_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    grid = Grid("t", ["model", "a|b"], [["x", "[bold]1"]])
    assert markdown(grid) == "| model | a\\|b |\n| --- | ---: |\n| x | [bold]1 |\n"
    show(grid)
    assert "[bold]1" in capsys.readouterr().out  # no markup


def test_a_reader_who_leaves_between_two_tables_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    with io.TextIOWrapper(os.fdopen(write, "wb", 0), write_through=True) as pipe:  # as with PYTHONUNBUFFERED=1
        monkeypatch.setattr("sys.stdout", pipe)
        monkeypatch.setattr("fcnlab.comparison.table.show_table", lambda *_: os.close(read))  # as | head does
        show(Grid("t", ["model", "a"], []))  # raises nothing: what is written afterwards must be written


def test_csv_has_a_line_per_variant_and_score(comparison: dict[str, Any]) -> None:
    lines = list(csv.DictReader(csv_text(comparison).splitlines()))
    assert len(lines) == 2 * (4 + 8)
    fine = next(line for line in lines if (line["variant"], line["score"]) == ("fcn8s", "mean_iou"))
    row = comparison["rows"][1]
    assert float(fine["mean"]) == row["scores"]["mean_iou"]["mean"]
    assert float(fine["low"]) == row["difference"]["mean_iou"]["low"]


def test_the_report_holds_every_table_and_where_it_comes_from(comparison: dict[str, Any]) -> None:
    text = report(comparison)
    for part in (
        "# fcn32s, fcn8s on shapes",
        "## Test scores, %",
        "## Cost",
        "## IoU by class, %",
        "torch ",
        "Commit ",
    ):
        assert part in text


def test_every_further_head_has_its_own_columns_and_lines(comparison: dict[str, Any]) -> None:
    assert not any("first masks" in note for note in notes(comparison))
    (plain, two), spread = comparison["rows"], {"n": 2, "mean": 0.5, "std": 0.01}
    two["heads"] = {"geometric": dict.fromkeys(two["scores"], spread) | {"pixel_accuracy": {**spread, "mean": 0.943}}}
    assert plain["heads"] == {}
    grid = score_grid(comparison)
    columns = [grid.headings.index(f"geometric: {name}") for name in ("mean IU", "pixel acc.")]
    assert [[row[column] for column in columns] for row in grid.rows] == [["-", "-"], ["50.0 ± 1.0", "94.3 ± 1.0"]]
    assert any("first masks, not of geometric" in note for note in notes(comparison))
    (line,) = [line for line in csv.DictReader(csv_text(comparison).splitlines()) if line["score"].startswith("geom")][
        :1
    ]
    assert (line["score"], line["mean"]) == ("geometric/mean_iou", "0.5")
