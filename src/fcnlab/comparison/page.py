"""The comparison as one page that needs nothing else: tables, curves, bars, test images side by side."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import PIL.Image

from fcnlab.comparison.figure import bars, colour, curves
from fcnlab.comparison.finished import Variant
from fcnlab.comparison.gallery import Scene, agreement, data_uri, scenes, stripes
from fcnlab.comparison.table import Grid, class_grid, cost_grid, notes, provenance, score_grid, settings_grid, title
from fcnlab.visualize import VOID_COLOUR, index_image

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}
</style>
</head>
<body>
{body}
</body>
</html>
"""


def page(comparison: Mapping[str, Any], variants: Sequence[Variant], images: int) -> str:
    """The content of comparison.html; the first ``images`` test images are shown."""
    classes = class_grid(comparison)
    sections = [
        f"<h1>{escape(title(comparison))}</h1>",
        f'<p class="lead">{escape(headline(comparison))}</p>',
        section("Scores on the test images, %", table(score_grid(comparison), cards=True), said(notes(comparison))),
        section("Learning curves", figures(variants)),
        section(
            "IoU by class",
            '<div class="figures">',
            figure(bars(comparison, [row[0] for row in classes.rows]), "Whiskers: standard deviation over the seeds."),
            f'<div class="scroll">{table(classes)}</div></div>',
        ),
        gallery(scenes(variants, images), comparison),
        section("Cost", table(cost_grid(comparison), cards=True)),
        section("Settings that differ", f'<div class="scroll">{table(settings_grid(comparison))}</div>')
        if comparison["settings"]
        else "",
        footer(comparison),
    ]
    style = Path(__file__).with_suffix(".css").read_text()
    return PAGE.format(title=escape(title(comparison)), style=style, body="\n".join(sections))


def section(heading: str, *content: str) -> str:
    """A heading and what belongs to it."""
    return f"<section>\n<h2>{escape(heading)}</h2>\n" + "\n".join(content) + "\n</section>"


def headline(comparison: Mapping[str, Any]) -> str:
    """The best variant, what it reaches, and how far it is from the coarser one."""
    best = max(comparison["rows"], key=lambda row: row["scores"]["mean_iou"]["mean"])
    score = best["scores"]["mean_iou"]
    text = f"{best['variant']} is best: {100 * score['mean']:.1f} % mean IU on {comparison['test_images']} test images"
    if best["difference"]:
        value, low, high = (100 * best["difference"]["mean_iou"][key] for key in ("value", "low", "high"))
        text += f", {value:+.1f} points against {best['difference_to']} (95% interval {low:.1f} to {high:.1f})"
    return f"{text}, {len(best['seeds'])} seed{'s' * (len(best['seeds']) > 1)}."


def said(lines: Sequence[str]) -> str:
    """Lines of small print."""
    return "\n".join(f'<p class="note">{escape(line)}</p>' for line in lines)


def table(grid: Grid, *, cards: bool = False) -> str:
    """A table; on a phone, where asked for, each row becomes a card."""
    head = "".join(f'<th scope="col">{heading_of(grid, place)}</th>' for place in range(len(grid.headings)))
    rows = []
    for place, row in enumerate(grid.rows):
        name = f"{key(colour(place))}{escape(row[0])}" if grid.headings[0] == "model" else escape(row[0])
        cells = "".join(
            f'<td data-label="{escape(heading)}"{" class=long" if len(cell) > 24 else ""}>{escape(cell)}</td>'
            for heading, cell in zip(grid.headings[1:], row[1:], strict=True)
        )
        rows.append(f'<tr><th scope="row">{name}</th>{cells}</tr>')
    kind = ' class="cards"' if cards else ""
    return f"<table{kind}>\n<thead><tr>{head}</tr></thead>\n<tbody>\n" + "\n".join(rows) + "\n</tbody>\n</table>"


def heading_of(grid: Grid, place: int) -> str:
    """A column's heading; a variant's has its colour."""
    is_variant = place > 0 and grid.headings[0] != "model"
    return (key(colour(place - 1)) if is_variant else "") + escape(grid.headings[place])


def key(shade: str) -> str:
    """A small square in a colour."""
    return f'<span class="key" style="background:{shade}"></span>'


def figure(drawing: str, caption: str) -> str:
    """A drawing with its caption."""
    return f"<figure>{drawing}<figcaption>{escape(caption)}</figcaption></figure>"


def figures(variants: Sequence[Variant]) -> str:
    """The learning curves beside each other."""
    caption = "Validation images, by step. Thin: each seed. Bold: their mean."
    scores = figure(curves(variants, "val/mean_iou", "validation mean IU, %", factor=100), caption)
    losses = figure(
        curves(variants, "val/loss", "validation loss"), caption.replace("Validation images", "The loss on them")
    )
    return f'<div class="figures">{scores}{losses}</div>'


def gallery(shown: Sequence[Scene], comparison: Mapping[str, Any]) -> str:
    """Test images, a row each, with their legend and a switch for the marks."""
    if not shown:
        return ""
    names, palette = comparison["class_names"], shown[0].palette
    colours = [*zip(names, palette, strict=True), ("void, never counted", VOID_COLOUR)]
    legend = "".join(f"<li>{key('#' + bytes(shade).hex())}{escape(name)}</li>" for name, shade in colours)
    variants = [row["variant"] for row in comparison["rows"]]
    rows = "\n".join(scene(one, variants) for one in shown)
    return section(
        "The same test images",
        f'<ul class="legend">{legend}</ul>',
        '<input type="checkbox" id="mark" checked>',
        '<label for="mark">stripes where a prediction disagrees with the truth</label>',
        '<p class="note">First seed of each model. The number is the share of pixels that are right.</p>',
        f'<div class="scenes" style="--columns:{2 + len(variants)}">\n{rows}\n</div>',
    )


def scene(one: Scene, variants: Sequence[str]) -> str:
    """One test image: image, truth, predictions."""
    photo = data_uri(one.image, "JPEG", quality=88)
    tiles = [tile(photo, f"image {one.name}", "image", "tile")]
    tiles.append(tile(mask_uri(one, one.truth), f"truth of {one.name}", "truth", "tile mask"))
    for name, prediction in zip(variants, one.predictions, strict=True):
        caption = f"{name} {100 * agreement(one.truth, prediction):.0f} %"
        wrong = f'<img class="wrong" src="{data_uri(stripes(one.truth, prediction), optimize=True)}" alt="">'
        tiles.append(tile(mask_uri(one, prediction), f"{name} on {one.name}", caption, "tile mask", wrong))
    return f'<div class="scene">{"".join(tiles)}</div>'


def tile(source: str, alternative: str, caption: str, kind: str, over: str = "") -> str:
    """A picture with its caption and, where there is one, a layer over it."""
    picture = f'<div class="frame"><img src="{source}" alt="{escape(alternative)}">{over}</div>'
    return f'<figure class="{kind}">{picture}<figcaption>{escape(caption)}</figcaption></figure>'


def mask_uri(one: Scene, mask: Any) -> str:
    """A mask in colour, as an address that holds it whole."""
    picture: PIL.Image.Image = index_image(mask, one.palette)
    return data_uri(picture, optimize=True)


def footer(comparison: Mapping[str, Any]) -> str:
    """What it ran on, and which runs these are."""
    runs = "".join(f"<li><code>{escape(run)}</code></li>" for row in comparison["rows"] for run in row["runs"])
    return (
        f"<footer><h2>Made from</h2><p>{escape(provenance(comparison))} Test data {comparison['data']}, fingerprint "
        f"<code>{comparison['test_fingerprint']}</code>.</p><details><summary>Runs</summary><ul>{runs}</ul></details></footer>"
    )
