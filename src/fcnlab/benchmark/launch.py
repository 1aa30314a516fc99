"""How soon a command answers: help, the first training step, a sweep of short jobs. Each in a process of its own."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fcnlab.benchmark.row import Row, in_turn, ratios, shown
from fcnlab.error import UserError
from fcnlab.run.files import read_json

SECONDS = 300  # a command that takes longer hangs


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
    """Run Python to its end; what it wrote on stderr. Raises UserError where it fails or hangs."""
    try:
        done = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=SECONDS, check=True)
    except subprocess.SubprocessError as error:
        raise failed(words, str(getattr(error, "stderr", None) or error)) from error
    return done.stderr


def failed(words: Sequence[str], printed: str) -> UserError:
    """What to tell of a command that does not do what is measured."""
    return UserError(
        f"python {' '.join(words)} failed or hung, so it cannot be measured. It printed: {printed[-500:].strip()}"
    )


def first_step() -> float:
    """Start a training of shapes; seconds until the checkpoint of its first step is there."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        words = ["-m", "fcnlab.train", "experiment=shapes", f"runs_dir={folder}", "checkpoint.every_n_steps=1"]
        started = time.monotonic()
        child = subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        while not list(Path(folder).glob("*/checkpoints/last.ckpt")):
            if child.poll() is not None or time.monotonic() - started > SECONDS:
                child.kill()
                raise failed(words, child.communicate()[1])
            time.sleep(0.01)
        seconds = time.monotonic() - started
        child.kill()
        child.communicate()
    return seconds


def sweep(jobs: int, images: int) -> Row:
    """Short jobs in one sweep: its wall time over what the jobs took by their own records, data and test included."""
    words = ["experiment=shapes", "model=fcn32s", "epochs=1", f"data.images.train={images}", "logger=none"]
    words += [f"seed={','.join(map(str, range(jobs)))}", "trainer.enable_progress_bar=false"]
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        python("-m", "fcnlab.train", "-m", *words, f"runs_dir={folder}")
        wall = time.monotonic() - started
        runs = [read_json(file)["seconds"] for file in Path(folder).glob("*/record.json")]
    told = f"{wall:.1f} s; {len(runs)} jobs of {sum(runs) / len(runs):.1f} s, data and test included; measured once"
    return Row("a sweep of short jobs", "wall time over the sum of the jobs' own", [wall / sum(runs)], "<= 1.1", told)
