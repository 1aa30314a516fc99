"""The figures of a bench in the terminal."""

from collections.abc import Sequence

import rich.markup
import rich.table

from fcnlab.benchmark.row import Row
from fcnlab.cli.terminal import console


def bench_table(title: str, rows: Sequence[Row]) -> None:
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
