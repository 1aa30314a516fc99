"""The comparison as one page that needs nothing else: tables, curves, bars, test images side by side.

``page.html`` is the page, ``parts.html`` what repeats in it, ``page.css`` its style; here are their values. Jinja2
escapes every value, so that a name is never markup; only our own style and drawings go in as they are.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from fcnlab.comparison.figure import bars, colour, curves
from fcnlab.comparison.gallery import Scene, agreement, data_uri, scenes, stripes
from fcnlab.comparison.table import Grid, class_grid, cost_grid, notes, provenance, score_grid, settings_grid, title
from fcnlab.comparison.variants import Variant
from fcnlab.visualize import VOID_COLOUR, index_image

TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined
)


def page(comparison: Mapping[str, Any], variants: Sequence[Variant], images: int) -> str:
    """The content of comparison.html; the first ``images`` test images are shown."""
    shown, classes = scenes(variants, images), class_grid(comparison)
    return TEMPLATES.get_template("page.html").render(
        title=title(comparison),
        style=Markup(Path(__file__).with_suffix(".css").read_text()),
        headline=headline(comparison),
        colour=colour,
        scores=score_grid(comparison),
        notes=notes(comparison),
        variants=[(variant.name, colour(number)) for number, variant in enumerate(variants)],
        curves=learning_curves(variants),
        bars=Markup(bars(comparison, [row[0] for row in classes.rows])),
        classes=classes,
        legend=legend(comparison["class_names"], shown[0].palette) if shown else [],
        scenes=[scene(one, [row["variant"] for row in comparison["rows"]]) for one in shown],
        cost=cost_grid(comparison),
        settings=settings_grid(comparison),
        provenance=provenance(comparison),
        data=comparison["data"],
        fingerprint=comparison["test_fingerprint"],
        runs=[run for row in comparison["rows"] for run in row["runs"]],
    )


def headline(comparison: Mapping[str, Any]) -> str:
    """Which variant has the highest score, and how far it is from the coarser one; or how many share it."""
    rows = comparison["rows"]
    highest = f"{100 * max(row['scores']['mean_iou']['mean'] for row in rows):.1f}"
    best = [row for row in rows if f"{100 * row['scores']['mean_iou']['mean']:.1f}" == highest]
    reached = f"the highest mean IU, {highest} % on {comparison['test_images']} test images"
    if len(best) > 1:
        return f"{len(best)} variants share {reached}."
    text = f"{best[0]['variant']} has {reached}"
    if best[0]["difference"]:
        value, low, high = (100 * best[0]["difference"]["mean_iou"][key] for key in ("value", "low", "high"))
        text += f", {value:+.1f} points against {best[0]['difference_to']} (95% interval {low:.1f} to {high:.1f})"
    return f"{text}, {len(best[0]['seeds'])} seed{'s' * (len(best[0]['seeds']) > 1)}."


def table(grid: Grid, *, cards: bool = False) -> str:
    """A table; on a phone, where asked for, each row becomes a card."""
    parts: Any = TEMPLATES.get_template("parts.html").module
    return str(parts.table(grid, colour, cards=cards))


def learning_curves(variants: Sequence[Variant]) -> list[dict[str, str]]:
    """Score and loss of the validation by step: drawings and captions."""
    score = curves(variants, "val/mean_iou", "validation mean IU, %", factor=100)
    loss = curves(variants, "val/loss", "validation loss")
    lines = "by step. Thin lines: each seed. Bold line: their mean."
    return [
        {"drawing": Markup(score), "caption": f"Validation images, {lines}"},
        {"drawing": Markup(loss), "caption": f"The loss on them, {lines}"},
    ]


def legend(names: Sequence[str], palette: Sequence[Sequence[int]]) -> list[tuple[str, str]]:
    """Every class, and void, with its colour."""
    colours = [*zip(names, palette, strict=True), ("void, never counted", VOID_COLOUR)]
    return [(name, f"#{bytes(shade).hex()}") for name, shade in colours]


def scene(one: Scene, variants: Sequence[str]) -> dict[str, Any]:
    """One test image with its truth and predictions, each as an address that holds it whole."""
    return {
        "name": one.name,
        "image": data_uri(one.image, "JPEG", quality=88),
        "truth": mask_uri(one, one.truth),
        "predictions": [
            {
                "variant": name,
                "right": f"{100 * agreement(one.truth, prediction):.0f}",
                "mask": mask_uri(one, prediction),
                "wrong": data_uri(stripes(one.truth, prediction), optimize=True),
            }
            for name, prediction in zip(variants, one.predictions, strict=True)
        ],
    }


def mask_uri(one: Scene, mask: Any) -> str:
    """A mask in colour, as an address that holds it whole."""
    return data_uri(index_image(mask, one.palette), optimize=True)
