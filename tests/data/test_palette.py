"""Palettes: VOC's colours, and files whose palettes contradict each other."""

from pathlib import Path

import numpy as np
import pytest
from conftest import Command
from data.made import make, words

from fcnlab.data.palette import PaletteLog, voc_palette
from fcnlab.error import UserError

ONE, OTHER = (
    np.array([[0, 0, 0], [9, 9, 9], [1, 2, 3]], np.uint8),
    np.array([[0, 0, 0], [9, 9, 9], [3, 2, 1]], np.uint8),
)
LOW, HIGH = np.array([[0], [1]], np.uint8), np.array([[1], [2]], np.uint8)


def test_the_first_colours_are_vocs() -> None:
    assert voc_palette(4) == [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]]


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (
            "[[0,0,0],[9,9,9]]",
            "data.palette=[[0, 0, 0], [9, 9, 9]] must hold red, green and blue for each of 3",
        ),
        ("[[0,0,0],[9,9,9],[1,2]]", "must hold red, green and blue"),
        ("[[0,0,0],[9,9,9],[1,2,300]]", "data.palette=[[0,0,0],[9,9,9],[1,2,300]] is not"),
    ],
)
def test_colours_with_which_the_test_could_draw_nothing_are_refused(
    typed: str, told: str, tmp_path: Path, command: Command
) -> None:
    outcome = command("survey", *words(make(tmp_path / "data"), f"+data.palette={typed}"))
    assert outcome.code == 1
    assert told in outcome.text
    assert "Traceback" not in outcome.text


def test_only_labels_that_occur_contradict_each_other() -> None:
    log = PaletteLog()
    log.check(HIGH, ONE, Path("a"))
    log.check(LOW, OTHER, Path("b"))
    log.check(np.array([[200]], np.uint8), ONE, Path("c"))  # beyond the palette
    with pytest.raises(UserError, match=r"Masks a and d have different palettes: label 2 is \(1, 2, 3\) in the one"):
        log.check(HIGH, OTHER, Path("d"))


def test_what_two_processes_saw_is_held_together() -> None:
    logs = [PaletteLog(), PaletteLog()]
    logs[0].check(HIGH, ONE, Path("a"))
    logs[1].check(LOW, OTHER, Path("b"))
    logs[0].merge(logs[1])
    logs[1].check(HIGH, OTHER, Path("d"))
    with pytest.raises(UserError, match="Masks a and d have different palettes"):
        logs[0].merge(logs[1])
