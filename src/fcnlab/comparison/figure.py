"""The comparison's figures: learning curves and bars by class, for the page (SVG in its colours) and for a README."""

import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fcnlab.comparison.variants import Variant
from fcnlab.error import UserError

# Told apart without colour vision too (lightness falls from coarse to fine), and seen on white and on black.
COLOURS = (
    *("#e08214", "#1b9e9e", "#7a68e0", "#c2417c", "#4d8b31", "#8c6d46"),
    *("#3f7fc4", "#a99a1c", "#9a4fb0", "#d9655f", "#2f8065", "#7c828a"),
)
INK = "#123456"  # stands for the page's text colour
STYLE: Any = {
    "svg.fonttype": "none",  # text stays text, in the page's font
    "svg.hashsalt": "fcnlab",  # the same figure is the same file
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
}


def colour(number: int) -> str:
    """The colour of a variant, by its row in the table."""
    return COLOURS[number % len(COLOURS)]


def curves(variants: Sequence[Variant], key: str, label: str, factor: float = 1.0) -> str:
    """A score by step as SVG: each seed thin, their mean bold. ``key`` is a column of history.csv.

    The page itself names the colours, for this and for the bars: names may be long.
    """
    with mpl.rc_context(STYLE):
        figure, axes = canvas(height=3.0)
        draw_curves(axes, variants, key, label, factor)
        return svg(figure)


def bars(comparison: Mapping[str, Any], names: Sequence[str]) -> str:
    """IoU by class as SVG: a group of bars per class, a bar per variant, the seeds' deviation as whisker."""
    with mpl.rc_context(STYLE):
        figure, axes = canvas(height=0.7 + len(names) * (0.12 + 0.11 * len(comparison["rows"])))
        draw_bars(axes, comparison, names)
        return svg(figure)


def write_figure(file: Path, variants: Sequence[Variant], comparison: Mapping[str, Any]) -> None:
    """Write learning curves (mean IU on validation) and test IoU by class side by side as PNG, on white."""
    if file.suffix != ".png":
        raise UserError(f"figure={file} is no .png file. Name one: figure=scores.png")
    names = comparison["class_names"]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10.0, max(3.2, 0.4 + len(names) * 0.11 * (1 + len(variants)))), layout="constrained")
        left, right = figure.subplots(1, 2)
        draw_curves(left, variants, "val/mean_iou", "mean IU on validation, %", 100)
        draw_bars(right, comparison, names)
        figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=columns(variants))
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, dpi=110, metadata={"Software": None})


def columns(variants: Sequence[Variant], letters: int = 110) -> int:
    """How many names stand side by side in a legend that is ``letters`` wide."""
    return min(len(variants), max(1, letters // max(len(variant.name) + 8 for variant in variants)))


def draw_curves(axes: Axes, variants: Sequence[Variant], key: str, label: str, factor: float) -> None:
    """A column of history.csv by step: each seed thin, their mean bold."""
    for number, variant in enumerate(variants):
        lines = [{row["step"]: row[key] * factor for row in run.history if key in row} for run in variant.runs]
        for line in lines:
            axes.plot(list(line), list(line.values()), color=colour(number), linewidth=0.8, alpha=0.45)
        common = sorted(set.intersection(*map(set, lines)))  # seeds may stop early
        middle = [mean(line[step] for line in lines) for step in common]
        dot = "o" if len(common) == 1 else None  # a line of one step would show nothing
        axes.plot(common, middle, color=colour(number), linewidth=2, marker=dot, label=variant.name)
    axes.set_xlabel("step")
    axes.set_ylabel(label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color=INK, alpha=0.12, linewidth=0.8)


def draw_bars(axes: Axes, comparison: Mapping[str, Any], names: Sequence[str]) -> None:
    """Test IoU: a group of bars per class, a bar per variant, the seeds' deviation as whisker."""
    rows = comparison["rows"]
    thickness = 0.8 / len(rows)
    for number, row in enumerate(rows):
        values = [row["iou"][name] for name in names]
        axes.barh(
            y=np.arange(len(names)) + (number + 0.5) * thickness - 0.4,
            width=[100 * (value["mean"] or 0) for value in values],
            xerr=[100 * (value["std"] or 0) for value in values],
            height=thickness * 0.9,
            color=colour(number),
            error_kw={"ecolor": INK, "elinewidth": 0.8},
            label=row["variant"],
        )
    axes.set_yticks(np.arange(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)  # the first class on top, and no margin that grows with their number
    axes.set_xlim(0, 100)
    axes.set_xlabel("IoU, %")
    axes.grid(axis="x", color=INK, alpha=0.12, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)


def canvas(height: float) -> tuple[Figure, Axes]:
    """A transparent figure, as wide as a phone, without the state of pyplot."""
    figure = Figure(figsize=(5.0, height), layout="constrained")
    figure.patch.set_alpha(0)
    axes = figure.add_subplot()
    axes.patch.set_alpha(0)
    return figure, axes


def svg(figure: Figure) -> str:
    """The figure as an ``<svg>`` element to be put into a page."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    element = text.getvalue()[text.getvalue().index("<svg") :]
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    element = re.sub(r' (width|height)="[\d.]+pt"', "", element, count=2)  # the page says how wide
    return element.replace(INK, "currentColor")
