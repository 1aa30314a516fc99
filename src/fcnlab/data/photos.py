"""Photos: images without masks, for ``predict``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset

from fcnlab.data.files import IMAGE_SUFFIXES, read_image
from fcnlab.data.transforms import Image, Pipeline
from fcnlab.error import UserError


def find_photos(given: str) -> list[Path]:
    """The image ``given``, or all images in that folder, sorted."""
    path = Path(given).expanduser()
    if path.is_file():
        return [path]
    files = sorted(f for f in path.glob("*") if f.suffix.lower() in IMAGE_SUFFIXES and f.is_file())
    if not files:
        raise UserError(f"No images at images={given}. Give a file or a folder of {', '.join(IMAGE_SUFFIXES)}.")
    stems = [file.stem for file in files]
    if twice := sorted({stem for stem in stems if stems.count(stem) > 1}):
        raise UserError(f"images={given} has {', '.join(twice[:5])} twice: their masks would overwrite each other.")
    return files


class Photos(Dataset[dict[str, Any]]):
    """Images as batches of one: image (1, 3, h, w) as the net saw it in training, and the file it came from."""

    def __init__(self, files: Sequence[Path], pipeline: Pipeline) -> None:
        self.files, self.pipeline = files, pipeline

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return photo_batch(read_image(self.files[index]), self.pipeline) | {"name": [self.files[index].stem]}


def photo_batch(photo: Image, pipeline: Pipeline) -> dict[str, Any]:
    """A batch of one from an RGB image (H, W, 3) uint8."""
    image, _ = pipeline(photo, photo[:1, :1, 0])  # there is no mask
    return {"image": image[None], "photo": photo}
