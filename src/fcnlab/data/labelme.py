"""LabelMe: one JSON file of shapes per image, as the tool of that name writes them."""

import base64
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageDraw

from fcnlab.data.annotations import VOID, AnnotatedData, fill_polygon, named_classes
from fcnlab.data.files import Pair, read_text, unreadable, without_suffix
from fcnlab.data.layout import walk
from fcnlab.data.opened import BROKEN
from fcnlab.data.spelling import on_disk
from fcnlab.data.transforms import Mask
from fcnlab.error import UserError

IGNORED, BACKGROUND = "__ignore__", "_background_"  # LabelMe's own words
LINE, POINT = 10, 5  # pixels: the width of lines and the radius of points, as in labelme.utils.shape_to_mask


class LabelMe(AnnotatedData):
    """Folders of ``NAME.json``, each with shapes and the path of its image, drawn in the file's order.

    A later shape lies over an earlier one, as in LabelMe's own export. The label ``__ignore__`` is void.

    Args:
        annotations: the folder in which the JSON files lie, however deep, relative to ``root``; with ``{split}`` in it
            each split has its own.
        splits: what ``annotations`` calls the splits; two of one folder share it by ``fractions``.
        classes: names, or a text file with one per line (LabelMe's labels.txt), without ``__ignore__`` and
            ``_background_``, which may stand in it.
        lists: a folder with train.txt, val.txt and test.txt (one name per line), relative to ``root``; None splits by
            ``fractions``.
    """

    def __init__(
        self,
        *,
        root: str,
        annotations: str,
        classes: list[str] | str,
        lists: str | None,
        splits: dict[str, str] | None = None,
        **common: Any,
    ) -> None:
        names = [name for name in named_classes(classes, Path(root)) if name not in (IGNORED, BACKGROUND)]
        layout = f"{root}/{annotations}/NAME.json, each with the path of its image"
        super().__init__(root=root, layout=layout, classes=names, **common)
        self.annotations, self.lists, self.splits = annotations, lists, splits or {}

    def pairs(self, split: str) -> list[Pair]:
        """Every JSON file of the split, with the image that it names."""
        folder = on_disk(self.root / self.annotations.replace("{split}", self.splits.get(split, split)))
        if not folder.is_dir():
            raise self.missing(f"There is no folder {folder} for split {split!r}; set data.splits.{split}=...")
        files = {"_".join(Path(one).with_suffix("").parts): folder / one for one in sorted(walk(folder, ".json"))}
        if self.lists is None:
            names = self.share(files, split, self.together(self.annotations, self.splits, split))
        else:
            listing = self.root / self.lists / f"{split}.txt"
            if not listing.is_file():
                raise self.missing(f"The list {listing} is missing.")
            names = [without_suffix(line.strip()) for line in read_text(listing).splitlines() if line.strip()]
        files |= {name: folder / f"{name}.json" for name in names if name not in files}
        return [Pair(name, self.image_of(files[name]), files[name]) for name in names]

    def image_of(self, path: Path) -> Path:
        """The image that a JSON file names; Windows writes its paths with backslashes."""
        if not path.is_file():
            return path.with_suffix(".jpg")  # told as missing
        return on_disk(path.parent / str(self.load(path)["imagePath"]).replace("\\", "/"))

    def load(self, path: Path) -> dict[str, Any]:
        """One JSON file."""
        try:
            content = json.loads(read_text(path))
            if not {"imagePath", "imageHeight", "imageWidth", "shapes"} <= {*content}:
                raise ValueError("imagePath, imageHeight, imageWidth or shapes is missing")
        except (ValueError, TypeError) as error:
            raise UserError(f"{path} is no file of LabelMe: {error}.") from error
        return dict(content)

    def decode_mask(self, path: Path) -> Mask:
        """Draw the shapes of one file."""
        content = self.load(path)
        mask = self.blank(int(content["imageHeight"]), int(content["imageWidth"]))
        for shape in content["shapes"]:
            name = str(shape["label"])
            ground = 0 if self.background else VOID
            label = {IGNORED: VOID, BACKGROUND: ground}.get(name)
            draw_shape(mask, shape, self.label(name, path) if label is None else label, path)
        return mask


def draw_shape(mask: Mask, shape: dict[str, Any], label: int, where: Path) -> None:
    """Draw one shape of LabelMe into a mask (H, W), as labelme.utils.shape_to_mask does."""
    points = [(float(x), float(y)) for x, y in shape["points"]]
    kind = shape.get("shape_type") or "polygon"
    if kind == "polygon" and len(points) > 2:
        fill_polygon(mask, points, label)
        return
    if kind == "mask":
        paste(mask, shape, label, where)
        return
    canvas = PIL.Image.fromarray(mask)
    pen = PIL.ImageDraw.Draw(canvas)
    if kind == "rectangle" and len(points) == 2:
        (left, top), (right, bottom) = points
        box = (min(left, right), min(top, bottom), max(left, right), max(top, bottom))
        pen.rectangle(box, outline=label, fill=label)
    elif kind == "circle" and len(points) == 2:
        (x, y), edge = points
        radius = math.dist((x, y), edge)
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), outline=label, fill=label)
    elif kind in ("line", "linestrip") and len(points) > 1:
        pen.line(points, fill=label, width=LINE)
    elif kind == "point" and len(points) == 1:
        ((x, y),) = points
        pen.ellipse((x - POINT, y - POINT, x + POINT, y + POINT), outline=label, fill=label)
    else:
        raise UserError(
            f"{where} has a shape of type {kind} with {len(points)} points, which is not drawn. Known: polygon, "
            "rectangle, circle, line, linestrip, point, mask."
        )
    mask[...] = np.asarray(canvas)


def paste(mask: Mask, shape: dict[str, Any], label: int, where: Path) -> None:
    """Draw a shape that is a small PNG itself, with its upper left corner at the first point."""
    try:
        with PIL.Image.open(io.BytesIO(base64.b64decode(shape["mask"]))) as image:
            region = np.asarray(image.convert("L")) > 0
    except (*BROKEN, KeyError, TypeError) as error:
        raise unreadable(where, error) from error
    left, top = (int(value) for value in shape["points"][0])
    part = mask[max(top, 0) :, max(left, 0) :][: region.shape[0] + min(top, 0), : region.shape[1] + min(left, 0)]
    region = region[max(-top, 0) :, max(-left, 0) :][: part.shape[0], : part.shape[1]]
    part[region] = label
