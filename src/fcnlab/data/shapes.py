"""Shapes: scenes made in memory from a seed, where only shape tells the classes apart. Nothing to download."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import cv2
import numpy as np
from annotated_types import Ge

from fcnlab.data.datamodule import SPLITS, VOID, SegmentationData, Split
from fcnlab.data.transforms import Image, Mask
from fcnlab.error import UserError, nearest

Plane = np.ndarray[Any, np.dtype[np.float32]]
Inside = np.ndarray[Any, np.dtype[np.bool_]]


def triangle(u: Plane, v: Plane) -> Inside:
    """An equilateral triangle: three half-planes at 120 degrees."""
    sides = [np.cos(a) * u + np.sin(a) * v < 0.5 for a in np.arange(3) * 2 * np.pi / 3]
    return np.asarray(sides[0] & sides[1] & sides[2])


def star(u: Plane, v: Plane) -> Inside:
    """A five-pointed star: its outline is straight between radius 1 (tips) and 0.42 (notches)."""
    sector = np.pi / 5
    angle = np.abs((np.arctan2(v, u) + sector) % (2 * sector) - sector)
    x, y = np.hypot(u, v) * np.cos(angle), np.hypot(u, v) * np.sin(angle)
    notch_x, notch_y = 0.42 * np.cos(sector), 0.42 * np.sin(sector)
    return np.asarray((x - 1) * notch_y + y * (1 - notch_x) < 0)


# Each says which points (u, v) of the unit disc, already turned and scaled, lie inside the shape.
SHAPES: dict[str, Callable[[Plane, Plane], Inside]] = {
    "disc": lambda u, v: np.hypot(u, v) < 0.9,
    "square": lambda u, v: np.maximum(np.abs(u), np.abs(v)) < 0.75,
    "triangle": triangle,
    "star": star,
    "ring": lambda u, v: np.abs(np.hypot(u, v) - 0.78) < 0.2,
    "bar": lambda u, v: (np.abs(u) < 1) & (np.abs(v) < 0.2),
    "cross": lambda u, v: (np.minimum(np.abs(u), np.abs(v)) < 0.2) & (np.maximum(np.abs(u), np.abs(v)) < 1),
}
CLASSES = tuple(SHAPES)


def texture(rng: np.random.Generator, x: Plane, y: Plane) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Stripes between two random colours, (H, W, 3) in 0..255: every class may have every colour."""
    first, second = rng.uniform(20, 235, 3), rng.uniform(20, 235, 3)
    angle, wavelength, phase = rng.uniform(0, np.pi), rng.uniform(5, 25), rng.uniform(0, 2 * np.pi)
    wave = np.sin((np.cos(angle) * x + np.sin(angle) * y) * 2 * np.pi / wavelength + phase)
    blend = (0.5 + 0.3 * wave)[..., None]
    return np.asarray(first * blend + second * (1 - blend), dtype=np.float32)


def scene(
    rng: np.random.Generator,
    *,
    size: int,
    count: tuple[int, int],
    radius: tuple[float, float],
    classes: Sequence[str] = CLASSES,
) -> tuple[Image, Mask]:
    """Draw one scene: image (size, size, 3) uint8 RGB and mask (size, size) uint8 with a one-pixel void outline."""
    y, x = np.mgrid[:size, :size].astype(np.float32)
    image, mask = texture(rng, x, y), np.zeros((size, size), np.uint8)
    for _ in range(int(rng.integers(count[0], count[1] + 1))):
        label, scale, angle = int(rng.integers(len(classes))), rng.uniform(*radius), rng.uniform(0, 2 * np.pi)
        centre = rng.uniform(0, size, 2)
        # Only the window around the shape is drawn.
        low, high = np.maximum(centre - scale - 2, 0).astype(int), np.minimum(centre + scale + 2, size).astype(int)
        window = np.s_[low[0] : high[0], low[1] : high[1]]
        dy, dx = (y[window] - centre[0]) / scale, (x[window] - centre[1]) / scale
        inside = SHAPES[classes[label]](
            np.cos(angle) * dx + np.sin(angle) * dy, np.cos(angle) * dy - np.sin(angle) * dx
        )
        image[window] = np.where(inside[..., None], texture(rng, x[window], y[window]), image[window])
        around = cv2.dilate(inside.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))) > 0
        mask[window] = np.where(inside, label + 1, np.where(around, VOID, mask[window]))
    image = image + rng.normal(0, 12, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8), mask


class Shapes(SegmentationData):
    """Scenes of discs, squares, triangles, stars, rings, bars and crosses on a textured ground.

    Args:
        size: height and width of a scene, pixels.
        count: fewest and most shapes in a scene.
        radius: smallest and largest radius of a shape, pixels.
        classes: the shapes drawn; None: all seven.
        images: number of scenes by split.
        data_seed: the scenes follow from it alone, so that runs of all seeds are scored on the same test scenes.
    """

    def __init__(
        self,
        *,
        size: Annotated[int, Ge(1)],
        count: tuple[int, int],
        radius: tuple[float, float],
        images: dict[Split, Annotated[int, Ge(0)]],
        data_seed: Annotated[int, Ge(0)],
        classes: Sequence[str] | None = None,
        **common: Any,
    ) -> None:
        self.classes = CLASSES if classes is None else tuple(classes)
        for given in map(str, self.classes):
            if given not in SHAPES:
                raise UserError(f"data.classes names {given}, which is no shape. {nearest(given, SHAPES)}")
        if not self.classes or len(set(self.classes)) < len(self.classes):
            raise UserError(f"data.classes={list(self.classes)} must name one shape or more, each once.")
        for key, numbers in (("size", [1, size]), ("count", [0, *count]), ("radius", [1, *radius])):
            if sorted(numbers) != numbers or (key != "radius" and not all(type(n) is int for n in numbers)):
                kind = "numbers" if key == "radius" else "whole numbers"
                raise UserError(f"data.{key}={numbers[1:]} must be {kind}, {numbers[0]} or more, the smaller first.")
        super().__init__(class_names=("background", *self.classes), in_memory=True, **common)
        self.size, self.images, self.data_seed = (
            size,
            {str(split): number for split, number in images.items()},
            data_seed,
        )
        self.drawn: dict[tuple[str, int], tuple[Image, Mask]] = {}
        self.count, self.radius = (count[0], count[1]), (radius[0], radius[1])

    def names(self, split: str) -> list[str]:
        """Scene numbers, zero-padded: they sort as they are numbered."""
        return [f"{split}_{i:05d}" for i in range(self.images[split])]

    def read(self, split: str, index: int) -> tuple[Image, Mask]:
        """Draw scene ``index`` of ``split``, once."""
        if (split, index) not in self.drawn:
            rng = np.random.default_rng([self.data_seed, SPLITS.index(split), index])
            self.drawn[split, index] = scene(
                rng, size=self.size, count=self.count, radius=self.radius, classes=self.classes
            )
        return self.drawn[split, index]
