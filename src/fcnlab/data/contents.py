"""What the files of a split hold, from one look at each: the fingerprint, the pixels of each class, what is twice."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np

from fcnlab.cli.progress import progress
from fcnlab.data.arrays import VOID
from fcnlab.data.transforms import Mask
from fcnlab.error import UserError

TOGETHER = 16  # images of a task, at most: a task costs about as much as to look at a tenth of an image
Counts = np.ndarray[Any, np.dtype[np.int64]]
T = TypeVar("T")


class Look(NamedTuple):
    """What one image and its mask tell."""

    digest: bytes  # a hash of what stands for both in the fingerprint
    pixels: Counts  # (256,) by label, void being 255
    shape: tuple[int, ...]  # height and width
    image: str  # a hash of the image: equal images have equal ones


class Examined(Protocol):
    """What a look asks of a data set; :class:`fcnlab.data.datamodule.SegmentationData` is one."""

    name: str | None
    class_names: tuple[str, ...]

    def names(self, split: str) -> Sequence[str]:
        """The names of a split's images, in a fixed order."""

    def examine(self, split: str, index: int) -> Look:
        """What one image and its mask tell."""

    def forgives(self, split: str) -> bool:
        """Whether images of this split that cannot be read are left out."""

    def noted(self) -> dict[str, Any]:
        """What else was noted; plain."""


@dataclass
class Contents:
    """What a look at every image of a split found; small and plain, so that it can be kept.

    Args:
        fingerprint: a hash of class names and contents; an image that is renamed is the same image.
        pixels: by label 0 to 255.
        shown: by label, the pixels of the masks in which it occurs.
        images: a hash per image, in the order of the split's names; empty where it is forgiven that it is unreadable.
        shapes: height and width per image; (0, 0) where unreadable.
        noted: what else the data set noted (``SegmentationData.noted``), for those splits that are looked at later.
    """

    fingerprint: str
    pixels: list[int]
    shown: list[int]
    images: list[str] = field(default_factory=list)
    shapes: list[tuple[int, int]] = field(default_factory=list)
    noted: dict[str, Any] = field(default_factory=dict)

    @property
    def labelled(self) -> int:
        """Pixels that are not void."""
        return sum(self.pixels[:VOID])


def look_through(data: Examined, split: str, *, threads: int) -> Contents:
    """Look at every image of a split, ``threads`` at a time; memory does not grow with what the files hold.

    Raises:
        UserError: of the first image in order that cannot be read, unless ``data`` forgives it.
    """
    names = data.names(split)
    digests, nothing = list[bytes](), Look(b"cannot be read", np.zeros(256, np.int64), (0, 0), "")
    found, pixels, shown = Contents("", [], []), np.zeros(256, np.int64), np.zeros(256, np.int64)

    def glance(index: int) -> Look:
        try:
            return data.examine(split, index)
        except UserError:
            if not data.forgives(split):
                raise
            return nothing

    looks = in_order(glance, len(names), threads=threads)
    for look in progress(looks, total=len(names), what=f"looking at {data.name}, {split}"):
        height, width = look.shape
        digests.append(look.digest)
        found.images.append(look.image)
        found.shapes.append((height, width))
        pixels += look.pixels
        shown += (look.pixels > 0) * (height * width)
    whole = repr(data.class_names).encode() + b"".join(sorted(digests))
    found.fingerprint = hashlib.sha256(whole).hexdigest()[:16]
    found.pixels, found.shown, found.noted = pixels.tolist(), shown.tolist(), data.noted()
    return found


def in_order(work: Callable[[int], T], number: int, *, threads: int) -> Iterator[T]:
    """``work(0)``, ``work(1)``, ... in order, while up to ``threads`` are at work and few results wait."""
    if threads <= 1:
        yield from map(work, range(number))
        return
    several = min(TOGETHER, number // (8 * threads) + 1)
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[list[T]]] = deque()
        try:
            for begin in range(0, number, several):
                task = range(begin, min(begin + several, number))
                waiting.append(pool.submit(lambda task: [work(index) for index in task], task))
                if len(waiting) > 2 * threads:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def count_labels(mask: Mask) -> Counts:
    """Pixels by label 0 to 255, (256,); masks are runs of one label, of which there are few to add."""
    flat = np.ascontiguousarray(mask).reshape(-1)
    ends = np.flatnonzero(np.append(flat[1:] != flat[:-1], flat.size > 0))
    return np.bincount(flat[ends], weights=np.diff(ends, prepend=-1), minlength=256).astype(np.int64)
