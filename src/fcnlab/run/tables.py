"""What a person reads of a run in the terminal: what begins, and the scores at the end."""

import re
from collections.abc import Mapping

import rich.markup
import rich.table

from fcnlab.cli.terminal import console, say
from fcnlab.run.record import Run


def score_table(title: str, scores: Mapping[str, float]) -> None:
    """Print metric keys with their values, in percent where they are fractions."""
    table = rich.table.Table(title=title, title_justify="left", box=None, header_style="bold")
    table.add_column("score")
    table.add_column("value", justify="right")
    for key, value in scores.items():
        is_loss = re.match(r"(\w+/)?(\w+_)?loss(/|$)", key)  # and no class of that name
        table.add_row(rich.markup.escape(key), f"{value:.4f}" if is_loss else f"{100 * value:.2f} %")
    console().print(table)


def show_start(run: Run) -> None:
    """Say what is about to be trained."""
    facts = run.record
    say(f"Run {run.name}: {facts['parameters']:,} parameters, {facts['precision']}, on {facts['device']}.")


def show_scores(run: Run, metrics: Mapping[str, float]) -> None:
    """Print a run's test scores, or those of validation where nothing was tested, and where its files are."""
    split = "test" if any(key.startswith("test/") for key in metrics) else "val"
    score_table(run.name, {key: value for key, value in metrics.items() if key.startswith(f"{split}/")})
    by_class = any(key.startswith(f"{split}/iou/") for key in metrics)
    absent = [name for name in run.record.get("class_names", ()) if f"{split}/iou/{name}" not in metrics]
    if by_class and absent:
        say(f"In no mean: {', '.join(absent)}. The {split} masks have no pixel of it, nor was one predicted.")
    if (predictions := run.folder / "predictions").is_dir():  # a task of one's own may return none
        say(f"Predictions: {predictions}")
    say(f"Scores:      {run.folder / 'metrics.json'}")
