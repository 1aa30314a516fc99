"""What published data sets share: lists, the number of images they must have, a part for validation, MATLAB's masks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Interval
from scipy.io import loadmat

from fcnlab.data.files import FileData, read_text, unreadable
from fcnlab.data.sharing import split_by_hash
from fcnlab.data.transforms import Mask
from fcnlab.error import UserError


class PublishedData(FileData):
    """A data set with a published training list, a part of which, by a hash of the name, is ``val``.

    Args:
        val_fraction: that part's share; checkpoints and settings are chosen by it.
        hold_out: keep that part out of training. The papers learn from the whole list; then ``val`` measures memory,
            and ``score=last`` is the honest choice.
        complete: whether the published number of images must be there.
    """

    published: ClassVar[Mapping[str, int]] = {}  # images by list

    def __init__(
        self,
        *,
        val_fraction: Annotated[float, Interval(gt=0, lt=1)],
        complete: bool,
        hold_out: bool = True,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.val_fraction, self.hold_out, self.expected = val_fraction, hold_out, self.published if complete else {}

    def share(self, names: Sequence[str], split: str, where: Path, listing: str = "") -> list[str]:
        """The names in the list ``where`` that fall into a split. Raises UserError where some are missing."""
        count_up(self, names, self.expected.get(listing or where.stem), where)
        return [*names] if split == "test" else share_of_train(names, split, self.val_fraction, self.hold_out)

    def image_shape(self, split: str, index: int) -> tuple[int, int]:
        """Height and width; a .mat file has no header to look at, so its image is."""
        pair = self.checked_pairs(split)[index]
        if pair.mask.suffix != ".mat":
            return super().image_shape(split, index)
        width, height = self.reader.size(pair.image)
        return height, width


def count_up(data: FileData, found: Sequence[Any], expected: int | None, where: Path) -> None:
    """Raise UserError where a published number of images is not there: scores would compare with no paper's."""
    if expected is not None and len(found) != expected:
        raise data.missing(
            f"{where} has {len(found)} images, the published {data.name} {expected}. Get the rest, or set "
            "data.complete=false to go on with these, whose scores compare with no paper's."
        )


def names_in(data: FileData, path: Path) -> list[str]:
    """The names in a list, one per line."""
    if not path.is_file():
        raise data.missing(f"The list {path} is missing.")
    return [line.strip() for line in read_text(path).splitlines() if line.strip()]


def share_of_train(names: Sequence[str], split: str, val_fraction: float, hold_out: bool = True) -> list[str]:
    """The part of a training list that is ``train`` or ``val``, by a hash of the name.

    Args:
        hold_out: whether ``train`` leaves ``val`` out. The papers learn from the whole list.
    """
    fractions = {"val": val_fraction, "train": 1 - val_fraction}
    wanted = {"train": {"train"} if hold_out else {"train", "val"}, "val": {"val"}}[split]
    return [name for name in names if split_by_hash(name, fractions) in wanted]


def read_matrix(path: Path, key: str) -> Mask:
    """A mask (H, W) of small whole numbers out of a MATLAB file, -1 becoming 0."""
    try:
        matrix = np.asarray(loadmat(path)[key])
    except Exception as error:  # what a broken file raises is not defined by scipy
        raise unreadable(path, error) from error
    if matrix.ndim != 2 or matrix.min(initial=0) < -1 or matrix.max(initial=0) > 65535:
        raise UserError(f"{path} holds {key} of shape {matrix.shape}: it is no mask of labels.")
    return np.asarray(np.maximum(matrix, 0), np.uint16 if matrix.max(initial=0) > 255 else np.uint8)
