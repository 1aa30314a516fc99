"""What a person reads of a data set in the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

import rich.console
import rich.markup
import rich.table


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
