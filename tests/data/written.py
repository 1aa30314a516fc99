"""Masks written in one way or another, for tables of folders."""

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from data.made import COLOURS, make, save, truth

VALUES = np.array([0, 38, 75], np.uint8)


def rgb(path: Path, labels: np.ndarray, off: int = 0, mode: str = "RGB") -> None:
    values = COLOURS[labels].astype(int)
    noise = np.random.default_rng(0).integers(-off, off + 1, values.shape)
    save(path, np.asarray(PIL.Image.fromarray(np.clip(values + noise, 0, 255).astype(np.uint8)).convert(mode)))


def void_0(index: int) -> np.ndarray:
    return np.where(truth(index) == 0, 255, truth(index) - 1).astype(np.uint8)


def void_last(index: int) -> np.ndarray:
    return np.where(truth(index) == 2, 255, truth(index)).astype(np.uint8)


def merged(index: int) -> np.ndarray:
    return np.minimum(truth(index, 4), 2).astype(np.uint8)


def binary(index: int) -> np.ndarray:
    return truth(index, 2)


CSS = ["black", "#c81e1e", [30, 200, 30]]
TABLE = "name,r,g,b\nground,0,0,0\nleaf,200,30,30\nstem,30,200,30\n"
TWO = {"classes": "ground\nleaf\n", "count": 2}


def swapped(path: Path, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """In every second file, labels 1 and 2 swapped in indices and palette: all files look alike."""
    if int(path.stem[-1]) % 2:
        return np.array([0, 2, 1], np.uint8)[labels], COLOURS[[0, 2, 1]]
    return labels, COLOURS[:3]


def written(root: Path, how: dict[str, Any]) -> Path:
    make(root, **how)
    if str(how.get("classes")).startswith("name,"):
        (root / "classes.txt").rename(root / "classes.csv")
    return root
