"""The results in a README: one table per experiment, between two markers, written by a command."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fcnlab.comparison.table import cost_grid, markdown, notes, provenance, score_grid
from fcnlab.error import UserError
from fcnlab.run.files import write_atomic


def markers(name: str) -> tuple[str, str]:
    """The lines between which results stand: an experiment's, or the bench's."""
    return f"<!-- results: {name} -->", f"<!-- end of results: {name} -->"


def results(comparison: Mapping[str, Any]) -> str:
    """Scores with n, mean and deviation, cost, hardware, versions and commit, in Markdown."""
    told = "\n".join([*notes(comparison), provenance(comparison)])
    parts = [markdown(score_grid(comparison)), markdown(cost_grid(comparison)), told]
    return "\n\n".join(part.strip() for part in parts)


def write_results(readme: Path, comparison: Mapping[str, Any]) -> None:
    """Replace what stands between an experiment's two markers. Raises UserError where they are not there."""
    if len(comparison["experiments"]) > 1:
        raise UserError(
            f"The runs come from several experiments: {', '.join(comparison['experiments'])}. A README has a table for "
            "each: name the runs of one with runs=..."
        )
    write_between(readme, comparison["experiments"][0], results(comparison))


def write_between(readme: Path, name: str, text: str) -> None:
    """Replace what stands between the two markers of ``name``. Raises UserError where they are not there."""
    first, last = markers(name)
    content = readme.read_text(encoding="utf-8") if readme.is_file() else ""
    before, opened, rest = content.partition(f"{first}\n")
    _, closed, after = rest.partition(last)
    if not (opened and closed):
        raise UserError(
            f"readme={readme} has no markers for the results of {name}. Put two lines where the table shall stand: "
            f"{first} and {last}"
        )
    write_atomic(readme, f"{before}{first}\n\n{text}\n\n{last}{after}")
