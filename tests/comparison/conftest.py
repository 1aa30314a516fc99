"""What tests of comparisons share: finished runs that a test may change, and one of them by a part of its name."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    """The finished runs once more, without checkpoints, to be changed."""
    return shutil.copytree(finished, tmp_path / "runs", ignore=shutil.ignore_patterns("checkpoints", "sweep"))


def one(folder: Path, part: str) -> Path:
    """The only run of a folder whose name holds ``part``."""
    (found,) = folder.glob(f"*{part}*")
    return found
