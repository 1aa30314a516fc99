"""What a person reads of a run in the terminal: what begins, and the scores at the end."""

from collections.abc import Mapping

from fcnlab.cli.terminal import say, show_table
from fcnlab.cli.validation import is_loss
from fcnlab.run.record import Run


def score_table(title: str, scores: Mapping[str, float]) -> None:
    """Print metric keys with their values, in percent where they are fractions."""
    rows = [(k, f"{v:.4f}" if is_loss(k) else f"{100 * v:.2f} %") for k, v in scores.items()]
    show_table(title, ["score", "value"], rows)


def show_scores(run: Run, metrics: Mapping[str, float]) -> None:
    """Print a run's test scores, or those of validation where nothing was tested, and where its files are."""
    split = "test" if any(key.startswith("test/") for key in metrics) else "val"
    score_table(run.name, {key: value for key, value in metrics.items() if key.startswith(f"{split}/")})
    by_class = any(key.startswith(f"{split}/iou/") for key in metrics)
    absent = [name for name in run.record.get("class_names", ()) if f"{split}/iou/{name}" not in metrics]
    if by_class and absent:
        say(f"In no mean: {', '.join(absent)}. The {split} masks have no such pixel, and none was predicted.")
    if (predictions := run.folder / "predictions").is_dir():  # a task of one's own may return none
        say(f"Predictions: {predictions}")
    say(f"Scores:      {run.folder / 'metrics.json'}")
