"""Visualizations show what they should."""

import numpy as np
import PIL.Image

from fcnlab.data.palette import voc_palette
from fcnlab.visualize import VOID_COLOUR, colour_mask, index_image, overlay, panel

PALETTE = [[0, 0, 0], [255, 0, 0], [0, 0, 255]]
MASK = np.array([[0, 1], [2, 255]], np.uint8)
IMAGE = np.full((2, 2, 3), 100, np.uint8)


def test_masks_take_the_palettes_colours_and_void_its_own() -> None:
    assert colour_mask(MASK, PALETTE).tolist() == [[[0, 0, 0], [255, 0, 0]], [[0, 0, 255], list(VOID_COLOUR)]]


def test_the_palette_is_pascal_vocs() -> None:
    assert voc_palette(21)[:4] == [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]]
    assert voc_palette(21)[20] == [0, 64, 128]


def test_an_overlay_is_half_image_half_mask() -> None:
    assert overlay(IMAGE, MASK, PALETTE)[0].tolist() == [[50, 50, 50], [178, 50, 50]]


def test_a_panel_holds_image_truth_and_predictions_side_by_side() -> None:
    drawn = panel(IMAGE, MASK, MASK, palette=PALETTE)
    assert drawn.shape == (2, 3 * 2 + 2 * 4, 3)
    assert (drawn[:, :2] == IMAGE).all()
    assert (drawn[:, -2:] == colour_mask(MASK, PALETTE)).all()


def test_an_index_image_keeps_labels_and_shows_colours(tmp_path) -> None:
    index_image(MASK, PALETTE).save(tmp_path / "mask.png")
    with PIL.Image.open(tmp_path / "mask.png") as drawn:
        assert drawn.mode == "P"
        assert (np.array(drawn) == MASK).all()
        assert (np.array(drawn.convert("RGB")) == colour_mask(MASK, PALETTE)).all()
