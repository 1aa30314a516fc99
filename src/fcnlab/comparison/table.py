"""A comparison as tables: in the terminal, in Markdown, as CSV."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fcnlab.cli.annotation import spell
from fcnlab.cli.terminal import console, show_table
from fcnlab.comparison.summary import checks, distinct

HEADINGS = {
    "mean_iou": "mean IU",
    "pixel_accuracy": "pixel acc.",
    "mean_accuracy": "mean acc.",
    "frequency_weighted_iou": "f.w. IU",
}
NONE = "-"
LONGEST_TITLE = 70  # letters


@dataclass(frozen=True)
class Grid:
    """A table of texts: a heading per column, the first of which names the row."""

    title: str
    headings: list[str]
    rows: list[list[str]]


def score_grid(comparison: Mapping[str, Any]) -> Grid:
    """The scores of each variant, in percent: mean and standard deviation over n seeds."""
    published = any(row["published"] for row in comparison["rows"])
    of_heads = [(head, name) for head in heads(comparison) for name in ("mean_iou", "pixel_accuracy")]
    headings = ["model", "n", HEADINGS["mean_iou"], "difference [95%]", *list(HEADINGS.values())[1:]]
    headings += [f"{head}: {HEADINGS[name]}" for head, name in of_heads]
    rows = []
    for row in comparison["rows"]:
        scores = {name: percent(row["scores"][name]) for name in HEADINGS}
        cells = [row["variant"], str(len(row["seeds"])), scores.pop("mean_iou"), interval(row), *scores.values()]
        cells += [percent(row["heads"][head][name]) if head in row["heads"] else NONE for head, name in of_heads]
        if published:
            number = (row["published"] or {}).get("mean_iou")
            cells.append(NONE if number is None else f"{100 * number:.1f}")
        rows.append(cells)
    return Grid("Test scores, %", [*headings, *(["published mean IU"] if published else [])], rows)


def heads(comparison: Mapping[str, Any]) -> list[str]:
    """The names of all further heads."""
    return distinct([head for row in comparison["rows"] for head in row["heads"]])


def cost_grid(comparison: Mapping[str, Any]) -> Grid:
    """What each variant costs, and on what it ran."""
    rows = []
    for row in comparison["rows"]:
        image, training = row["seconds_per_image"]["mean"], row["seconds"]["mean"]
        rows.append(
            [
                *(row["variant"], f"{row['parameters']:,}"),
                NONE if image is None else f"{1000 * image:.1f} ms",
                *(str(row["epochs"]), duration(training), row["precision"], "; ".join(row["device"])),
            ]
        )
    return Grid("Cost", ["model", "parameters", "per image", "epochs", "training", "precision", "device"], rows)


def class_grid(comparison: Mapping[str, Any]) -> Grid:
    """IoU of each class, in percent, mean over seeds: a row per class, a column per variant."""
    names = [name for name in comparison["class_names"] if any(row["iou"][name]["n"] for row in comparison["rows"])]
    rows = [[name, *(percent(row["iou"][name]) for row in comparison["rows"])] for name in names]
    return Grid("IoU by class, %", ["class", *(row["variant"] for row in comparison["rows"])], rows)


def settings_grid(comparison: Mapping[str, Any]) -> Grid:
    """The settings in which the variants differ: a row per key, a column per variant."""
    rows = [[key, *map(spell, values)] for key, values in comparison["settings"].items()]
    return Grid("What differs", ["setting", *(row["variant"] for row in comparison["rows"])], rows)


def expectation_grid(comparison: Mapping[str, Any]) -> Grid:
    """What an experiment expects, what came out, and whether that is within tolerance."""
    rows = []
    for row in comparison["rows"]:
        for check in checks(row):
            expected = f"{100 * check['expected']:.1f} ± {100 * check['tolerance']:.1f}"
            got = percent(row["scores"][check["score"]])
            name = [row["variant"], HEADINGS[check["score"]], str(len(row["seeds"]))]
            rows.append([*name, expected, got, "yes" if check["within"] else "NO"])
    return Grid("Reproduced?", ["model", "score", "n", "expected", "got", "within"], rows)


def percent(values: Mapping[str, Any]) -> str:
    """Mean and standard deviation of fractions, in percent."""
    if values["mean"] is None:
        return NONE
    deviation = "" if values["std"] is None else f" ± {100 * values['std']:.1f}"
    return f"{100 * values['mean']:.1f}{deviation}"


def interval(row: Mapping[str, Any]) -> str:
    """The difference of mean IU in points, with its interval."""
    if not row["difference"]:
        return NONE
    value, low, high = (100 * row["difference"]["mean_iou"][key] for key in ("value", "low", "high"))
    return f"{value:+.1f} [{low:.1f}, {high:.1f}]"


def duration(seconds: float) -> str:
    """Seconds for a person."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def notes(comparison: Mapping[str, Any]) -> list[str]:
    """What a reader must know beside the numbers."""
    rows = comparison["rows"]
    lines = [
        f"{comparison['test_images']} test images of {comparison['data']}. Mean ± standard deviation over n seeds. The "
        f"interval is a paired bootstrap over the test images ({comparison['bootstrap_samples']} samples, pixel counts "
        "of all seeds summed). The interval shows the effect of the choice of test images, the deviation that of the "
        "seed."
    ]
    if more := heads(comparison):
        lines.append(f"Differences, IoU by class and images are those of the first masks, not of {', '.join(more)}.")
    references = distinct([f"{row['variant']} against {row['difference_to']}" for row in rows if row["difference_to"]])
    lines += [f"Differences: {', '.join(references)}."] if references else []
    sources = distinct([row["published"]["source"] for row in rows if row["published"]])
    lines += [f"Published: {'; '.join(sources)}."] if sources else []
    for key, name in (
        ("device", "devices: times do not compare"),
        ("code", "states of the code"),
        ("versions", "sets of versions"),
    ):
        different = distinct([value for row in rows for value in row[key]])
        lines += [f"The runs come from {len(different)} {name}."] if len(different) > 1 else []
    if mixed := [run for row in rows for run in row["earlier_code"]]:
        lines.append(f"Begun by other code than they were finished by: {', '.join(mixed)}.")
    if any(row["seconds_per_image"]["n"] for row in rows):
        lines.append("Per image: from image to scored prediction, without reading it, the first batch not counted.")
    lines += [f"Left out: {run}: {reason}." for run, reason in comparison["left_out"].items()]
    return lines


def provenance(comparison: Mapping[str, Any]) -> str:
    """Hardware, versions and commit of all runs, in one line."""
    parts = [
        distinct([value for row in comparison["rows"] for value in row[key]])
        for key in ("device", "python", "versions", "commit")
    ]
    device, python, versions, commit = ("; ".join(part) for part in parts)
    return f"{device}. Python {python}, {versions}. Commit {commit or 'unknown'}."


def show(grid: Grid) -> None:
    """Print a table in the terminal, and an empty line."""
    show_table(grid.title, grid.headings, grid.rows)
    console().print()


def markdown(grid: Grid) -> str:
    """A table in Markdown."""
    lines = [grid.headings, ["---", *["---:"] * (len(grid.headings) - 1)], *grid.rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def report(comparison: Mapping[str, Any]) -> str:
    """The content of comparison.md."""
    grids = (score_grid(comparison), cost_grid(comparison), class_grid(comparison), settings_grid(comparison))
    parts = [f"# {title(comparison)}", *notes(comparison)]
    parts += [f"## {grid.title}\n\n{markdown(grid)}" for grid in grids if grid.rows]
    return "\n\n".join([*parts, provenance(comparison)]) + "\n"


def title(comparison: Mapping[str, Any]) -> str:
    """What is compared, on which data; too many names are counted."""
    names = ", ".join(row["variant"] for row in comparison["rows"])
    compared = names if len(names) <= LONGEST_TITLE else f"{len(comparison['rows'])} variants"
    return f"{compared} on {comparison['data']}"


def csv_text(comparison: Mapping[str, Any]) -> str:
    """One line per variant and score, fractions of 1, per-class IoU included."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["variant", "score", "n", "mean", "std", "difference", "low", "high", "published"])
    for row in comparison["rows"]:
        scores = row["scores"] | {f"iou/{name}": v for name, v in row["iou"].items()}
        scores |= {f"{head}/{name}": v for head, own in row["heads"].items() for name, v in own.items()}
        for name, values in scores.items():
            more = row["difference"].get(name, dict.fromkeys(("value", "low", "high")))
            writer.writerow(
                [row["variant"], name, *values.values(), *more.values(), (row["published"] or {}).get(name)]
            )
    return text.getvalue()
