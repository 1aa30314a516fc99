"""Figures are SVG that draws what it was given and takes the page's colours."""

import xml.etree.ElementTree
from pathlib import Path

from fcnlab.comparison.figure import INK, bars, colour, curves
from fcnlab.comparison.finished import find_runs, group, read_runs
from fcnlab.comparison.summary import summarise


def test_figures_are_svg_without_anything_from_elsewhere(finished: Path) -> None:
    variants = group(read_runs(find_runs(str(finished), "runs"))[0])
    comparison = summarise(variants, {}, samples=10)
    lines, blocks = curves(variants, "val/loss", "loss"), bars(comparison, comparison["class_names"])
    for drawing in (lines, blocks):
        assert xml.etree.ElementTree.fromstring(drawing).tag.endswith("svg")
        assert "<metadata" not in drawing
        assert INK not in drawing
        assert "currentColor" in drawing
        assert all(f">{name}<" in drawing for name in ("fcn32s", "fcn8s"))
    # Two seeds thin, their mean bold, and the mean again in the legend.
    assert lines.count(f"stroke: {colour(1)}") == 4
    assert all(f">{name}<" in blocks for name in comparison["class_names"])
    assert curves(variants, "val/loss", "loss") == lines
