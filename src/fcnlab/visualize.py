"""Visualizations of predictions: coloured masks, overlays, and image, truth and prediction side by side."""

from collections.abc import Sequence

import cv2
import numpy as np
import PIL.Image
import PIL.ImageDraw

from fcnlab.data.arrays import VOID, Image, Mask

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


def visible(image: Image) -> Image:
    """What of an image (H, W, c) can be shown, (H, W, 3): the first three channels, or the first as grey."""
    if image.shape[2] == 3:
        return image
    return np.ascontiguousarray(image[..., :3] if image.shape[2] > 3 else np.repeat(image[..., :1], 3, axis=2))


def overlay(image: Image, mask: Mask, palette: Palette, strength: float = 0.5) -> Image:
    """The image (H, W, c) with its mask (H, W) laid over it."""
    return np.asarray(cv2.addWeighted(visible(image), 1 - strength, colour_mask(mask, palette), strength, 0))


def panel(image: Image, truth: Mask, *predictions: Mask, palette: Palette) -> Image:
    """Image, truth and predictions, side by side with a white gap, (H, W', 3)."""
    gap = np.full((image.shape[0], GAP, 3), 255, np.uint8)
    columns = [visible(image)]
    for mask in (truth, *predictions):
        columns += [gap, colour_mask(mask, palette)]
    return np.concatenate(columns, axis=1)


def index_image(mask: Mask, palette: Palette) -> PIL.Image.Image:
    """A palette PNG: its values are the labels, its colours the palette's."""
    drawn = PIL.Image.fromarray(mask)  # mode L
    drawn.putpalette(colours(palette).flatten().tolist())  # now mode P
    return drawn


def contact_sheet(
    cells: Sequence[tuple[str, Image, Mask]], *, palette: Palette, class_names: Sequence[str], columns: int = 4
) -> PIL.Image.Image:
    """Captioned images above their masks, ``columns`` beside each other, and the classes' colours below."""
    width, height, line = 200, 150, 14
    rows = -(-len(cells) // columns)
    legend = [*class_names, "void"]
    per_line = max(1, columns * width // 130)
    sheet = PIL.Image.new(
        "RGB", (columns * width, rows * (2 * height + line + 4) + line * (len(legend) // per_line + 2)), "white"
    )
    draw = PIL.ImageDraw.Draw(sheet)
    for number, (caption, image, mask) in enumerate(cells):
        left, top = number % columns * width, number // columns * (2 * height + line + 4)
        # Pillow's own font knows no Hangul or emoji.
        draw.text((left + 2, top), caption.encode("ascii", "replace").decode()[:32], fill="black")
        for below, pixels in enumerate((visible(image), colour_mask(mask, palette))):
            drawn = PIL.Image.fromarray(pixels)
            sampling = PIL.Image.Resampling.NEAREST if below else PIL.Image.Resampling.BICUBIC
            drawn.thumbnail((width - 4, height - 2), sampling)
            sheet.paste(drawn, (left + 2, top + line + below * height))
    top = rows * (2 * height + line + 4) + line // 2
    for number, name in enumerate(legend):
        x, y = number % per_line * 130, top + number // per_line * line
        colour = VOID_COLOUR if number == len(class_names) else tuple(palette[number])
        draw.rectangle((x + 2, y + 1, x + 12, y + 11), fill=colour, outline="black")
        draw.text((x + 16, y), name.encode("ascii", "replace").decode()[:16], fill="black")
    return sheet
