"""What published data sets share: choices by name, lists, the number of images they must have, MATLAB's masks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat

from fcnlab.data.files import FileData, read_text, unreadable
from fcnlab.data.sharing import split_by_hash
from fcnlab.data.transforms import Mask
from fcnlab.error import UserError, nearest


def choose(key: str, value: object, known: Sequence[str]) -> None:
    """Raise UserError for a choice that is not known."""
    if value not in known:
        raise UserError(f"data.{key}={value} is not known. {nearest(str(value), known)}")


def check_fraction(key: str, value: Any) -> None:
    """Raise UserError for a share that leaves one side empty."""
    if not isinstance(value, int | float) or not 0 < value < 1:
        raise UserError(f"data.{key}={value} is not between 0 and 1. 0.1 takes every tenth image.")


def count_up(data: FileData, found: Sequence[Any], expected: int | None, where: Path) -> None:
    """Raise UserError where a published number of images is not there: scores would compare with no paper's."""
    if expected is not None and len(found) != expected:
        raise data.missing(
            f"{where} has {len(found)} images, the published {data.name} {expected}. Get the rest, or set "
            "data.complete=false to go on with these, whose scores compare with no paper's."
        )


def names_in(data: FileData, path: Path) -> list[str]:
    """The names in a list, one per line."""
    if not path.is_file():
        raise data.missing(f"The list {path} is missing.")
    return [line.strip() for line in read_text(path).splitlines() if line.strip()]


def share_of_train(names: Sequence[str], split: str, val_fraction: float, hold_out: bool = True) -> list[str]:
    """The part of a training list that is ``train`` or ``val``, by a hash of the name.

    Args:
        hold_out: whether ``train`` leaves ``val`` out. The papers learn from the whole list.
    """
    fractions = {"val": val_fraction, "train": 1 - val_fraction}
    wanted = {"train": {"train"} if hold_out else {"train", "val"}, "val": {"val"}}[split]
    return [name for name in names if split_by_hash(name, fractions) in wanted]


def read_matrix(path: Path, key: str) -> Mask:
    """A mask (H, W) of small whole numbers out of a MATLAB file, -1 becoming 0."""
    try:
        matrix = np.asarray(loadmat(path)[key])
    except Exception as error:  # what a broken file raises is not defined by scipy
        raise unreadable(path, error) from error
    if matrix.ndim != 2 or matrix.min(initial=0) < -1 or matrix.max(initial=0) > 65535:
        raise UserError(f"{path} holds {key} of shape {matrix.shape}: it is no mask of labels.")
    return np.asarray(np.maximum(matrix, 0), np.uint16 if matrix.max(initial=0) > 255 else np.uint8)
