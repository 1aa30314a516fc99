"""Photos: images without masks, for ``predict``."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from fcnlab.cli.terminal import say
from fcnlab.data.images import IMAGE_SUFFIXES, ImageReader
from fcnlab.data.transforms import Image, Pipeline
from fcnlab.error import UserError


def find_photos(given: str) -> list[Path]:
    """The image ``given``, or all images in that folder or of that glob, sorted; hidden files are left alone."""
    path = Path(given).expanduser()
    if path.is_file():
        return [path]
    root, pattern = (path, "*") if path.is_dir() else (Path(path.anchor), str(path.relative_to(path.anchor)))
    seen = (f for f in root.glob(pattern) if not f.name.startswith("."))  # macOS writes ._NAME beside each
    files = sorted(f for f in seen if f.suffix.lower() in IMAGE_SUFFIXES and f.is_file())
    if not files:
        raise UserError(
            f"No images at images={given}. Give a file, a folder or a glob of {', '.join(IMAGE_SUFFIXES)}; the shell "
            "must leave a glob alone: 'images=photos/*.jpg'."
        )
    inner = sorted({f.parent.name for f in path.glob("[!.]*/[!.]*") if f.suffix.lower() in IMAGE_SUFFIXES})
    if inner:
        say(f"images={given} has folders of images too, which are left alone: {', '.join(inner[:5])}.")
    if twice := sorted(stem for stem, times in Counter(file.stem for file in files).items() if times > 1):
        raise UserError(f"images={given} has {', '.join(twice[:5])} twice: their masks would overwrite each other.")
    return files


class Photos(Dataset[dict[str, Any]]):
    """Images as batches of one: image (1, c, h, w) as the net saw it in training, and the name of its file.

    A file that cannot be read gives one black pixel, and ``broken`` tells what is wrong with it.
    """

    def __init__(self, files: Sequence[Path], pipeline: Pipeline, reader: ImageReader | None = None) -> None:
        self.files, self.pipeline, self.reader = files, pipeline, reader or ImageReader()

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> dict[str, Any]:
        name = {"name": [self.files[index].stem]}
        try:
            return photo_batch(self.reader.read(self.files[index]), self.pipeline) | name
        except UserError as error:
            pixel = np.zeros((1, 1, self.reader.channels), np.uint8)
            return photo_batch(pixel, self.pipeline) | name | {"broken": str(error)}


def photo_batch(photo: Image, pipeline: Pipeline) -> dict[str, Any]:
    """A batch of one from an image (H, W, c) uint8."""
    image, _ = pipeline(photo, photo[:1, :1, 0])  # there is no mask
    return {"image": image[None], "photo": photo}
