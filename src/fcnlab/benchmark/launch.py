"""How soon a command answers: help, the first training step, a sweep of short jobs. Each in a process of its own."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fcnlab.benchmark.row import Row, in_turn, ratios, shown
from fcnlab.record import read_json

SECONDS = 300  # after which a command is said to hang


def rows(config: dict[str, Any]) -> list[Row]:
    """Help, first step, sweep."""
    help_words = ("-m", "fcnlab.train", "--help")
    tasks: dict[str, Callable[[], object]] = {
        "help": lambda: python(*help_words),
        "import": lambda: python("-c", "import lightning"),
        "first": first_step,
    }
    seconds = in_turn(tasks, rounds=config["rounds"])
    imported = {line.rpartition("|")[2].strip() for line in python("-X", "importtime", *help_words).splitlines()}
    loaded = f"torch {'' if 'torch' in imported else 'not '}imported"
    beside = ratios(seconds["first"], seconds["import"])
    first = f"{shown(seconds['first'])} against {shown(seconds['import'])}"
    return [
        Row("python -m fcnlab.train --help", "seconds", seconds["help"], "<= 2", loaded),
        Row("from command to first step, shapes", "seconds over import lightning", beside, "<= 2.5", first),
        sweep(**config["sweep"]),
    ]


def python(*words: str) -> str:
    """Run Python to its end; what it says of imports. Raises CalledProcessError where it fails."""
    return subprocess.run([sys.executable, *words], check=True, capture_output=True, text=True, timeout=SECONDS).stderr


def first_step() -> None:
    """Start a training of shapes and wait until the checkpoint of its first step is there."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["experiment=shapes", f"runs_dir={folder}", "checkpoint.every_n_steps=1"]
        child = subprocess.Popen(
            [sys.executable, "-m", "fcnlab.train", *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        started = time.monotonic()
        try:
            while not list(Path(folder).glob("*/checkpoints/last.ckpt")):
                if child.poll() is not None or time.monotonic() - started > SECONDS:
                    raise RuntimeError(f"fcnlab.train made no step: {child.communicate()[1]!r}")
                time.sleep(0.01)
        finally:
            child.kill()
            child.communicate()


def sweep(jobs: int, images: int) -> Row:
    """Short jobs in one sweep: their wall time over what the runs themselves took."""
    words = ["experiment=shapes", "model=fcn32s", "epochs=1", f"data.images.train={images}", "logger=none"]
    words += [f"seed={','.join(map(str, range(jobs)))}", "trainer.enable_progress_bar=false"]
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        python("-m", "fcnlab.train", "-m", *words, f"runs_dir={folder}")
        wall = time.monotonic() - started
        runs = [read_json(file)["seconds"] for file in Path(folder).glob("*/record.json")]
    told = f"{wall:.1f} s; {len(runs)} jobs of {sum(runs) / len(runs):.1f} s"
    return Row("a sweep of short jobs", "wall time over the sum of the runs' own", [wall / sum(runs)], "<= 1.1", told)
