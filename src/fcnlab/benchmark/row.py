"""A figure with its spread and its goal, and how it is taken: tasks in turn, so that a slow minute hits them all."""

import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from multiprocessing.connection import Connection
from statistics import median
from typing import Any

import rich.markup
import rich.table
import torch

from fcnlab.callbacks.image_results import now
from fcnlab.cli.terminal import console
from fcnlab.comparison.table import NONE, Grid, markdown
from fcnlab.error import UserError


@dataclass(frozen=True)
class Row:
    """What was measured.

    Attributes:
        what: is measured.
        measured: as what: the two things of which the figure is a ratio, say.
        values: one per round; the figure is their median. Empty: it could not be had, and ``detail`` says why.
        goal: ``>= 4`` or ``<= 0.02``; empty where the figure is for information.
        detail: the figures behind it.
    """

    what: str
    measured: str
    values: Sequence[float]
    goal: str = ""
    detail: str = ""

    @property
    def value(self) -> float | None:
        """The median."""
        return median(self.values) if self.values else None

    @property
    def reached(self) -> bool | None:
        """Whether the goal is; None without a goal or a figure."""
        if self.value is None or not self.goal:
            return None
        sign, number = self.goal.split()
        return self.value >= float(number) if sign == ">=" else self.value <= float(number)

    def figure(self) -> str:
        """The median, and the spread where there was more than one round."""
        if self.value is None:
            return "-"
        spread = f" ({min(self.values):.3g} to {max(self.values):.3g})" if len(self.values) > 1 else ""
        return f"{self.value:.3g}{spread}"

    def verdict(self) -> str:
        """Reached, or by how much the figure falls short, or nothing."""
        if self.reached is None:
            return "" if self.values else "not measured"
        if self.reached:
            return "reached"
        apart = abs(self.value - (number := float(self.goal.split()[1]))) / number  # type: ignore[operator]
        return f"missed by {apart:.0%}" if apart <= 1 else "missed by far"  # percents would mean nothing

    def plain(self) -> dict[str, Any]:
        """The row for bench.json."""
        spread = {"low": min(self.values), "high": max(self.values)} if self.values else {}
        facts = {"what": self.what, "measured": self.measured, "value": self.value, **spread}
        return facts | {"values": list(self.values), "goal": self.goal, "reached": self.reached, "detail": self.detail}


def in_markdown(facts: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """A table for a README, with machine, versions, commit and date."""
    cells = [
        [row.what, row.measured, row.figure(), row.goal or NONE, row.verdict() or NONE, row.detail] for row in rows
    ]
    filled = [any(cell != NONE for cell in column) for column in zip(*cells, strict=True)]
    lines = [["what", "measured as", "median (spread)", "goal", "", "behind it"], *cells]
    headings, *cells = (list(compress(line, filled)) for line in lines)
    table = markdown(Grid("bench", headings, cells))
    versions = ", ".join(f"{name} {facts['versions'][name]}" for name in ("torch", "torchvision", "lightning"))
    commit = facts["commit"][:10] + (" and changes" if facts["diff"] else "")
    rounds = facts["config"]["rounds"]
    return (
        f"{table}\n{facts['device']}, {facts['date']}, {facts['seconds']} s in all, {rounds} rounds. Python "
        f"{facts['python']}, {versions}. Commit {commit}."
    )


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


def in_turn(tasks: Mapping[str, Callable[[], object]], *, rounds: int, warm: int = 1) -> dict[str, list[float]]:
    """Seconds of every task in every round, each begun by another task; ``warm`` rounds before are not counted.

    A task that returns a float has taken its time itself.
    """
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    names = list(tasks)
    for number in range(-warm, rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            started = now()
            told = tasks[name]()
            if number >= 0:
                seconds[name].append(told if isinstance(told, float) else now() - started)
    return seconds


class Alone:
    """A task in a process of its own, as a person would run it: its memory is its own, and what it sets hits nobody.

    Args:
        build: makes the task, there.
        settings: its keyword arguments.
    """

    def __init__(self, build: Callable[..., Callable[[], object]], **settings: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, build, settings), daemon=True)
        self.process.start()
        theirs.close()  # else a process that dies would be waited for
        self.answer()

    def __call__(self) -> float:
        """Run the task once; its seconds. Raises what it raises."""
        return float(self.ask("__call__")[0])

    def ask(self, method: str) -> Any:
        """Call a method of the task, without arguments: the seconds it took, and what it returned."""
        return self.answer(method)

    def answer(self, asked: str = "") -> Any:
        """What comes back; an exception is raised here."""
        try:
            if asked:
                self.pipe.send(asked)
            got = self.pipe.recv()
        except (EOFError, ConnectionError) as error:
            self.process.join()
            raise UserError(
                f"A process that was measured ended with code {self.process.exitcode} (-9: it may have run out of "
                "memory). Give it a smaller batch (batches.cpu.ours=2, ...) or leave its section out."
            ) from error
        if isinstance(got, Exception):
            raise got
        return got

    def __enter__(self) -> "Alone":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.join()


def serve(pipe: Connection, build: Callable[..., Callable[[], object]], settings: dict[str, Any]) -> None:
    """The other side of :class:`Alone`."""
    try:
        task = build(**settings)
        pipe.send(None)
        while True:
            method = getattr(task, pipe.recv())
            started = now()
            value = method()
            pipe.send((now() - started, None if isinstance(value, torch.Tensor) else value))
    except Exception as error:
        pipe.send(error)


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """One over the other, round by round."""
    return [one / other for one, other in zip(above, below, strict=True)]


def shown(seconds: Sequence[float]) -> str:
    """A median in the unit that suits it, with its spread."""
    factor, unit = (1, "s") if median(seconds) >= 0.1 else (1000, "ms")
    low, middle, high = (factor * value for value in (min(seconds), median(seconds), max(seconds)))
    return f"{middle:.3g} {unit} ({low:.3g} to {high:.3g})"
