"""Pictures of predictions: coloured masks, overlays, and image, truth and prediction side by side."""

from collections.abc import Sequence

import numpy as np
import PIL.Image

from fcnlab.data.datamodule import VOID
from fcnlab.data.transforms import Image, Mask

Palette = Sequence[Sequence[int]]
VOID_COLOUR = (224, 224, 192)  # as PASCAL VOC draws it
GAP = 4  # white pixels between the columns of a panel


def colours(palette: Palette) -> Image:
    """A table (256, 3) of colours by label, void included."""
    table = np.zeros((256, 3), np.uint8)
    table[: len(palette)] = np.array(palette, np.uint8)
    table[VOID] = VOID_COLOUR
    return table


def colour_mask(mask: Mask, palette: Palette) -> Image:
    """(H, W) labels -> (H, W, 3) colours."""
    return np.asarray(colours(palette)[mask])


def overlay(image: Image, mask: Mask, palette: Palette, strength: float = 0.5) -> Image:
    """The image (H, W, 3) with its mask (H, W) laid over it."""
    blend = (1 - strength) * image.astype(np.float32) + strength * colour_mask(mask, palette)
    return np.asarray(blend.round().astype(np.uint8))


def panel(image: Image, truth: Mask, *predictions: Mask, palette: Palette) -> Image:
    """Image, truth and predictions, side by side with a white gap, (H, W', 3)."""
    gap = np.full((image.shape[0], GAP, 3), 255, np.uint8)
    columns = [image]
    for mask in (truth, *predictions):
        columns += [gap, colour_mask(mask, palette)]
    return np.concatenate(columns, axis=1)


def index_image(mask: Mask, palette: Palette) -> PIL.Image.Image:
    """A palette PNG: its values are the labels, its colours the palette's."""
    picture = PIL.Image.fromarray(mask)  # mode L
    picture.putpalette(colours(palette).flatten().tolist())  # now mode P
    return picture
