"""What a person reads in the terminal: lines, and short tables of scores."""

import logging
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import rich.console
import rich.markup
import rich.table

if TYPE_CHECKING:
    from fcnlab.benchmark.row import Row
    from fcnlab.record import Run
    from fcnlab.sweep import Job

log = logging.getLogger("fcnlab")
log.setLevel(logging.INFO)  # what is said is kept in train.log
logging.raiseExceptions = False  # a log on a full disk must not talk over the error that is being told
# Set by torchrun, Lightning, or SLURM; on a second machine the first process has LOCAL_RANK 0.
RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "SLURM_PROCID")


def is_first_process() -> bool:
    """Whether this process speaks and writes for all that train together."""
    return all(os.environ.get(key, "0") == "0" for key in RANKS)


def console(**settings: Any) -> rich.console.Console:
    """The terminal, of the first process only."""
    return rich.console.Console(quiet=not is_first_process(), **settings)


def say(message: str) -> None:
    """Print a line and keep it in the run's log."""
    console(soft_wrap=True, highlight=False).print(message, markup=False)
    log.info(message)


def score_table(title: str, scores: Mapping[str, float]) -> None:
    """Print metric keys with their values, in percent where they are fractions."""
    table = rich.table.Table(title=title, title_justify="left", box=None, header_style="bold")
    table.add_column("score")
    table.add_column("value", justify="right")
    for key, value in scores.items():
        table.add_row(rich.markup.escape(key), f"{value:.4f}" if key.endswith("loss") else f"{100 * value:.2f} %")
    console().print(table)


def bound_table(bound: Mapping[int, float], paper: Mapping[int, float]) -> None:
    """Print mean IU (fractions of 1) by stride, beside the paper's (percent) where it tells any."""
    table = rich.table.Table(box=None, header_style="bold")
    for column in ("stride", "mean IU", *(["the paper, 736 masks"] if paper else [])):
        table.add_column(column, justify="right")
    for stride, value in bound.items():
        table.add_row(str(stride), f"{100 * value:.1f} %", *([f"{paper.get(stride, '-')}"] if paper else []))
    console().print(table)


def bench_table(title: str, rows: "Sequence[Row]") -> None:
    """Print figures with their spread beside their goals, and below each what is behind it."""
    table = rich.table.Table(title=title, title_justify="left", box=None, header_style="bold", expand=True)
    table.add_column("what, measured as", ratio=1)
    table.add_column("median (spread)", no_wrap=True)
    table.add_column("goal", no_wrap=True)
    table.add_column("", no_wrap=True)
    for row in rows:
        what = f"[bold]{rich.markup.escape(row.what)}[/]\n{rich.markup.escape(row.measured)}"
        table.add_row(f"{what}\n[dim]{rich.markup.escape(row.detail)}[/]", row.figure(), row.goal, row.verdict())
    console().print(table)


def show_jobs(jobs: Sequence["Job"]) -> None:
    """Print what became of every job of a sweep."""
    table = rich.table.Table(
        title=f"{len(jobs)} job{'s' * (len(jobs) > 1)}", title_justify="left", box=None, header_style="bold"
    )
    table.add_column("job")
    table.add_column("outcome")
    table.add_column(" ".join(sorted({job.metric for job in jobs if job.metric})) or "score", justify="right")
    for job in jobs:
        score = "" if job.score is None else f"{100 * job.score:.2f} %"
        own = [word for word in job.words if len(jobs) == 1 or any(word not in other.words for other in jobs)]
        table.add_row(*map(rich.markup.escape, (" ".join(own), f"{job.outcome}: {job.message}".rstrip(": "), score)))
    console().print(table)
    if count := sum(job.outcome == "other code" for job in jobs):
        say(f"{count} of other code than today's: rerun=changed trains them again.")
    if count := sum(job.outcome in ("failed", "interrupted") for job in jobs):
        say(f"{count} not finished: typed again, they go on from their last checkpoint, the others are skipped.")


def show_start(run: "Run") -> None:
    """Say what is about to be trained."""
    facts = run.record
    say(f"Run {run.name}: {facts['parameters']:,} parameters, {facts['precision']}, on {facts['device']}.")


def show_scores(run: "Run", metrics: Mapping[str, float]) -> None:
    """Print a run's test scores, or those of validation where nothing was tested, and where its files are."""
    split = "test" if any(key.startswith("test/") for key in metrics) else "val"
    score_table(run.name, {key: value for key, value in metrics.items() if key.startswith(f"{split}/")})
    if absent := [name for name in run.record.get("class_names", ()) if f"{split}/iou/{name}" not in metrics]:
        say(f"In no mean: {', '.join(absent)}. The {split} masks have no pixel of it, nor was one predicted.")
    if split == "test":
        say(f"Pictures: {run.folder / 'predictions'}")
    say(f"Scores:   {run.folder / 'metrics.json'}")


def show_survey(name: str, class_names: Sequence[str], found: Mapping[str, Any]) -> None:
    """Print what ``fcnlab.survey`` found: splits with sizes and fingerprints, and how often each class occurs."""
    table = rich.table.Table(title=f"data={name}", title_justify="left", box=None, header_style="bold")
    for heading in ("split", "images", "faults", "sizes (width x height)", "void", "fingerprint"):
        table.add_column(heading)
    for split, seen in found.items():
        sizes = sorted(seen["sizes"])
        shown = ", ".join(f"{w}x{h}" for h, w in sizes[:1] + sizes[1:][-1:])
        more = f" and {len(sizes) - 2} more" if len(sizes) > 2 else ""
        void = seen["pixels"][255] / max(1, seen["pixels"].sum())
        counts = (str(len(seen["names"])), str(len(seen["faults"])))
        table.add_row(split, *counts, shown + more, f"{100 * void:.1f} %", seen["fingerprint"])
    rich.console.Console(soft_wrap=True).print(table)
    table = rich.table.Table(title="pixels that are not void", title_justify="left", box=None, header_style="bold")
    table.add_column("class")
    for split in found:
        table.add_column(split, justify="right")
    for label, class_name in enumerate(class_names):
        known = {split: seen["pixels"][:255] for split, seen in found.items()}
        shares = [f"{100 * pixels[label] / max(1, pixels.sum()):.2f} %" for pixels in known.values()]
        table.add_row(rich.markup.escape(class_name), *shares)
    rich.console.Console(soft_wrap=True).print(table)
