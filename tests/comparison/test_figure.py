"""Figures are SVG that draws what it was given and takes the page's colours."""

import xml.etree.ElementTree
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from fcnlab.comparison.figure import INK, bars, colour, curves, write_figure
from fcnlab.comparison.finished import find_runs, read_runs
from fcnlab.comparison.summary import summarise
from fcnlab.comparison.variants import group
from fcnlab.error import UserError


def test_figures_are_svg_without_anything_from_elsewhere(finished: Path) -> None:
    variants = group(read_runs(find_runs(str(finished), "runs"))[0])
    comparison = summarise(variants, {}, samples=10)
    lines, blocks = curves(variants, "val/loss", "loss"), bars(comparison, comparison["class_names"])
    for drawing in (lines, blocks):
        assert xml.etree.ElementTree.fromstring(drawing).tag.endswith("svg")
        assert "<metadata" not in drawing
        assert INK not in drawing
        assert "currentColor" in drawing
    # Two seeds thin, their mean bold.
    assert lines.count(f"stroke: {colour(1)}") == 3
    assert all(f">{name}<" in blocks for name in comparison["class_names"])
    assert curves(variants, "val/loss", "loss") == lines


def test_the_figure_for_a_readme_shows_every_variant_in_both_halves(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variants = group(read_runs(find_runs(str(finished), "runs"))[0])
    comparison = summarise(variants, {}, samples=10)
    write_figure(tmp_path / "some" / "scores.png", variants, comparison)
    with PIL.Image.open(tmp_path / "some" / "scores.png") as file:
        assert (np.array(file.convert("RGB"))[0, 0] == 255).all()
    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.append(figure))
    write_figure(tmp_path / "again.png", variants, comparison)
    left, right = drawn[0].axes
    colours = {colour(place) for place in range(len(variants))}
    assert {line.get_color() for line in left.lines} == colours
    assert {to_hex(bar.get_facecolor()) for bar in right.patches} == colours
    assert len(right.patches) == len(variants) * len(comparison["class_names"])
    assert [text.get_text() for text in drawn[0].legends[0].get_texts()] == [variant.name for variant in variants]
    with pytest.raises(UserError, match="no .png"):
        write_figure(tmp_path / "scores.svg", variants, comparison)
