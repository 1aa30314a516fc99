"""The same test images as each variant saw them: image, truth, predictions, with the disagreement marked."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from fcnlab.comparison.finished import FinishedRun
from fcnlab.comparison.variants import Variant
from fcnlab.data.arrays import VOID, Image, Mask
from fcnlab.error import UserError
from fcnlab.run.files import fitting
from fcnlab.visualize import GAP, panel

Palette = list[list[int]]


@dataclass(frozen=True)
class Scene:
    """One test image (H, W, 3), its truth (H, W) and each variant's prediction (H, W), by the first seed."""

    name: str
    image: Image
    truth: Mask
    predictions: list[Mask]
    palette: Palette


def scenes(variants: Sequence[Variant], count: int) -> list[Scene]:
    """The first ``count`` test images of which every variant kept its prediction."""
    first = [variant.runs[0] for variant in variants]
    names = [name for name in first[0].images if all(prediction_file(run, name).is_file() for run in first)]
    return [read_scene(name, first) for name in names[:count]]


def prediction_file(run: FinishedRun, name: str, suffix: str = ".png") -> Path:
    """Where a run keeps its prediction of a test image."""
    return run.folder / "predictions" / fitting(name, suffix)


def read_scene(name: str, runs: Sequence[FinishedRun]) -> Scene:
    """Read a test image from what runs kept of it: predictions as index masks, image and truth in the panel."""
    predictions: list[Mask] = []
    palette: Palette = []
    for run in runs:
        with PIL.Image.open(prediction_file(run, name)) as mask:
            predictions.append(np.array(mask))
            palette = np.array(mask.getpalette()).reshape(-1, 3).tolist()[: len(run.record["class_names"])]
    with PIL.Image.open(prediction_file(runs[0], name, "_panel.png")) as file:
        side_by_side = np.array(file)
    width = predictions[0].shape[1]
    image, drawn = side_by_side[:, :width], side_by_side[:, width + GAP : 2 * width + GAP]
    return Scene(name, image, labels(drawn, palette), predictions, palette)


def labels(drawn: Image, palette: Palette) -> Mask:
    """The inverse of ``colour_mask``: (H, W, 3) colours -> (H, W) labels, void where a colour is none of them."""
    code = np.array([1 << 16, 1 << 8, 1])
    mask = np.full(drawn.shape[:2], VOID, np.uint8)
    for label, colour in reversed(list(enumerate(palette))):
        mask[drawn @ code == np.array(colour) @ code] = label
    return mask


def agreement(truth: Mask, prediction: Mask) -> float:
    """The share of pixels, void left out, where the prediction is right."""
    known = truth != VOID
    return float((prediction == truth)[known].mean()) if known.any() else 1.0


def stripes(truth: Mask, prediction: Mask) -> Image:
    """A transparent layer (H, W, 4) with white stripes where the prediction is wrong; void is never wrong."""
    height, width = truth.shape
    period = max(4, max(height, width) // 40)
    y, x = np.mgrid[:height, :width]
    layer = np.zeros((height, width, 4), np.uint8)
    wrong = (prediction != truth) & (truth != VOID)
    layer[wrong & ((x + y) % period < period / 2)] = 255
    return layer


def data_uri(image: Any, form: str = "PNG", **options: Any) -> str:
    """An image as an address that holds it whole."""
    content = io.BytesIO()
    (image if isinstance(image, PIL.Image.Image) else PIL.Image.fromarray(image)).save(content, form, **options)
    return f"data:image/{form.lower()};base64,{base64.b64encode(content.getvalue()).decode()}"


def write_gallery(file: Path, variants: Sequence[Variant], count: int) -> None:
    """Write the first test images one below the other: image, truth and each variant's prediction, coarse to fine."""
    if file.suffix != ".png":
        raise UserError(f"gallery={file} is no .png file. Name one: gallery=strides.png")
    shown = scenes(variants, count)
    if not shown:
        raise UserError("The runs kept no predictions that could be shown. Train them again with rerun=all.")
    rows = [panel(one.image, one.truth, *one.predictions, palette=one.palette) for one in shown]
    width = max(row.shape[1] for row in rows)
    padded = [np.pad(row, ((0, GAP), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in rows]
    file.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(np.concatenate(padded)[:-GAP]).save(file, optimize=True)
