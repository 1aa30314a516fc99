"""Colours are found within their tolerance and nowhere else."""

import numpy as np
import pytest

from fcnlab.data.colours import UNKNOWN, as_colours_of, colour_table, describe_colours, packed, refuse_near
from fcnlab.data.masks import MaskFile
from fcnlab.error import UserError

COLOURS = (((0, 0, 0),), ((255, 0, 0), (0, 128, 0)))


@pytest.mark.parametrize("tolerance", [0, 3])
def test_every_colour_near_enough_is_its_classs_and_no_other(tolerance: int) -> None:
    table = colour_table(COLOURS, ((90, 90, 90),), tolerance, False)
    some = np.random.default_rng(0).integers(0, 256, (2000, 3)).astype(np.uint8)
    flat = [(0, (0, 0, 0)), (1, (255, 0, 0)), (1, (0, 128, 0)), (255, (90, 90, 90))]
    for _, colour in flat:
        near = np.random.default_rng(1).integers(-5, 6, (500, 3)) + np.array(colour)
        some = np.concatenate([some, np.clip(near, 0, 255).astype(np.uint8)])
    found = table[packed(some[None])][0]
    for colour, index in zip(some.astype(int), found, strict=True):
        fits = [label for label, known in flat if np.abs(colour - known).max() <= tolerance]
        assert index == (fits[0] if fits else UNKNOWN)


def test_colours_of_two_classes_that_a_tolerance_joins_are_refused() -> None:
    refuse_near(COLOURS, ("a", "b"), 60)
    with pytest.raises(UserError, match=r"The colours of a \(0, 0, 0\) and b \(0, 128, 0\) are 128 apart"):
        refuse_near(COLOURS, ("a", "b"), 64)


def test_a_file_shows_the_colours_of_its_palette_or_its_grey() -> None:
    values = np.array([[0, 1, 3]], np.uint8)
    palette = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)
    assert as_colours_of(MaskFile(values, "P", palette=palette)).tolist() == [[[1, 2, 3], [4, 5, 6], [0, 0, 0]]]
    assert as_colours_of(MaskFile(values, "L", scale=85))[0, 2].tolist() == [255, 255, 255]


def test_the_most_frequent_colours_are_told_first() -> None:
    values = np.array([[[9, 9, 9], [1, 2, 3], [9, 9, 9]]], np.uint8)
    assert describe_colours(values) == "2 colours, most often (9, 9, 9), (1, 2, 3)"
