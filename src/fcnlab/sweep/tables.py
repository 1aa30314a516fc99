"""A job of a sweep, and the table that ends a sweep."""

from collections.abc import Sequence
from dataclasses import dataclass

from fcnlab.cli.terminal import say, show_table


@dataclass
class Job:
    """One job: its overrides, what became of it, its score in 0..1, what went wrong."""

    words: list[str]
    outcome: str = "interrupted"  # until it says otherwise
    metric: str = ""
    score: float | None = None
    message: str = ""


def show_jobs(jobs: Sequence[Job]) -> None:
    """Print what became of every job of a sweep."""
    rows = []
    for job in jobs:
        own = [word for word in job.words if len(jobs) == 1 or any(word not in other.words for other in jobs)]
        score = "" if job.score is None else f"{100 * job.score:.2f} %"
        rows.append((" ".join(own), f"{job.outcome}: {job.message}".rstrip(": "), score))
    metric = " ".join(sorted({job.metric for job in jobs if job.metric})) or "score"
    show_table(f"{len(jobs)} job{'s' * (len(jobs) > 1)}", ["job", "outcome", metric], rows, words=2)
    if count := sum(job.outcome == "other code" for job in jobs):
        say(f"{count} of other code than today's: rerun=changed trains them again.")
    if count := sum(job.outcome in ("failed", "interrupted", "stopped") for job in jobs):
        say(
            f"{count} not finished. Give the same command again: they go on from their last checkpoint, the others "
            "are skipped."
        )
