"""Decoded images and masks of a split, kept in memory or in one file, so that no epoch decodes them again."""

import contextlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from fcnlab.cli.progress import progress
from fcnlab.cli.terminal import say
from fcnlab.data.contents import in_order
from fcnlab.data.kept import alone
from fcnlab.data.transforms import Image, Mask
from fcnlab.error import UserError

Where = Literal["ram", "disk"]
Read = Callable[[int], tuple[Image, Mask]]
# Where Linux tells the memory of a group of processes, by the word for its kind in /proc/self/cgroup: what it may take,
# has taken, and would give back of files it has read.
GROUPS = {
    "": ("sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
    "memory": ("sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}
GIGA = 10**9


class Decoded:
    """Reads a split's images as they were decoded once; an image that could not be read is read anew, and told.

    Loading processes share what is kept. What is kept on a disk is found again by later runs while the files and the
    way they are read are the same.

    Args:
        read: gives image (H, W, c) and mask (H, W), uint8, by index.
        shapes: (H, W) of each; (0, 0) where it cannot be read.
        channels: of the images.
        where: ``ram`` or ``disk``.
        file: of the disk; its name tells what it holds.
        name: of data set and split, in messages.
        threads: that decode.
        processes: that each keep their own in memory; a file on a disk is everybody's.

    Raises:
        UserError: there is no room for so much.
    """

    def __init__(
        self,
        read: Read,
        shapes: Sequence[tuple[int, int]],
        *,
        channels: int,
        where: Where,
        file: Path,
        name: str,
        threads: int,
        processes: int = 1,
    ) -> None:
        self.read, self.channels, self.file = read, channels, file
        areas = [height * width for height, width in shapes]
        self.ends = np.cumsum([area * (channels + 1) for area in areas]).tolist()
        self.areas, total = areas, self.ends[-1] if areas else 0
        self.heights = torch.zeros(len(areas), dtype=torch.int64)
        self.pixels: torch.Tensor | None = None
        if where == "ram":
            each = f"memory in each of {processes} processes" if processes > 1 else "memory"
            refuse_full(total, name)
            self.tell(name, total, each, free_memory())
            self.pixels = torch.empty(total, dtype=torch.uint8)
            self.fill(self.pixels.numpy(), self.heights.numpy(), name, threads)
            self.pixels.share_memory_()  # type: ignore[no-untyped-call]
        else:
            self.keep(total, name, threads)

    def tell(self, name: str, size: int, what: str, free: int | None) -> None:
        """Say how much room it takes, before it is taken. Raises UserError where there is less."""
        if free is not None and size > free:
            other = "disk" if what.startswith("memory") else "null"
            raise UserError(
                f"data.cache needs {size / GIGA:.2f} GB of {what} for {name}, and {free / GIGA:.2f} GB are free. Set "
                f"data.cache={other}, or a smaller data set."
            )
        say(f"data.cache keeps {len(self.areas)} images and masks of {name} decoded: {size / GIGA:.2f} GB of {what}.")

    def fill(self, pixels: Any, heights: Any, name: str, threads: int) -> None:
        """Decode every image into its part of ``pixels``, ``threads`` at a time."""

        def put(index: int) -> None:
            try:
                image, mask = self.read(index)
            except UserError:
                return  # it is told when it is used
            if mask.size == self.areas[index] and image.size == mask.size * self.channels:
                begin = self.ends[index] - mask.size * (self.channels + 1)
                pixels[begin : begin + image.size] = image.ravel()
                pixels[begin + image.size : self.ends[index]] = mask.ravel()
                heights[index] = mask.shape[0]

        for _ in progress(
            in_order(put, len(self.areas), threads=threads), total=len(self.areas), what=f"decoding {name}"
        ):
            pass

    def keep(self, total: int, name: str, threads: int) -> None:
        """Find the file that an earlier run kept, or write it; one process writes and the others wait for it."""
        table = len(self.areas) * 8  # heights, in front of the pixels
        with alone(self.file.with_suffix(".lock")):
            if not self.file.is_file():
                self.file.parent.mkdir(parents=True, exist_ok=True)
                for old in self.file.parent.glob(f"{self.file.name.rpartition('-')[0]}-*.pixels"):
                    old.unlink()  # of files that have changed since
                self.tell(name, total + table, f"disk ({self.file.parent})", shutil.disk_usage(self.file.parent).free)
                aside = self.file.with_suffix(".part")
                try:
                    whole = np.memmap(aside, np.uint8, "w+", shape=(total + table,))
                    self.fill(whole[table:], whole[:table].view(np.int64), name, threads)
                    whole.flush()
                    del whole
                    aside.replace(self.file)
                finally:
                    aside.unlink(missing_ok=True)  # of a start that was interrupted
            self.heights = torch.from_numpy(np.fromfile(self.file, np.int64, len(self.areas)))
            self.mapped()  # now: a run of other settings may remove the file

    def __getstate__(self) -> dict[str, Any]:
        """A loading process that starts anew opens the file itself."""
        return self.__dict__ | ({"pixels": None} if self.file.is_file() else {})

    def mapped(self) -> torch.Tensor:
        """All pixels, of which the system loads those that are asked for."""
        if self.pixels is None:
            table = len(self.areas) * 8
            self.pixels = torch.from_numpy(np.memmap(self.file, np.uint8, "c", offset=table))
        return self.pixels

    def __call__(self, index: int) -> tuple[Image, Mask]:
        """Image and mask, of one's own to change."""
        height = int(self.heights[index])
        if not height:
            return self.read(index)
        area = self.areas[index]
        part = self.mapped()[self.ends[index] - area * (self.channels + 1) : self.ends[index]].numpy().copy()
        width = area // height
        image = part[: area * self.channels].reshape(height, width, self.channels)
        return image, part[area * self.channels :].reshape(height, width)


def refuse_full(size: int, name: str, shared: Path = Path("/dev/shm")) -> None:
    """Raise UserError where so many bytes find no room in the memory that processes share: Docker gives 64 MB."""
    if shared.is_dir() and size > (free := shutil.disk_usage(shared).free):
        raise UserError(
            f"data.cache=ram needs {size / GIGA:.2f} GB of shared memory for {name}; {shared} has {free / GIGA:.2f} "
            f"GB left. Give the container more, as by docker run --shm-size={size // 2**30 + 1}g, or set "
            "data.cache=disk."
        )


def free_memory(system: Path = Path("/")) -> int | None:
    """Bytes of memory that could be had, also within the limit of a container or a job; None where nothing tells."""
    free = list[int]()
    with contextlib.suppress(OSError, KeyError, ValueError):
        free.append(int(numbers(system / "proc/meminfo")["MemAvailable:"]) * 1024)
    for group, limit, used, cached in own_groups(system):
        with contextlib.suppress(OSError, KeyError, ValueError):  # no such group; "max" is no limit
            taken = int((group / used).read_text()) - int(numbers(group / "memory.stat")[cached])
            free.append(int((group / limit).read_text()) - taken)
    return min(free, default=None)


def own_groups(system: Path) -> Iterator[tuple[Path, str, str, str]]:
    """The folders of the groups that this process is in, each with the names of its files: its own, and those above.

    Within a container the group at the top is its own.
    """
    with contextlib.suppress(OSError, ValueError):
        for line in (system / "proc/self/cgroup").read_text().splitlines():
            _, kinds, path = line.split(":", 2)
            for kind in GROUPS.keys() & {*kinds.split(",")}:
                top, limit, used, cached = GROUPS[kind]
                for part in (Path(path), *Path(path).parents):
                    yield system / top / part.relative_to("/"), limit, used, cached


def numbers(file: Path) -> dict[str, str]:
    """The numbers of a file of the kernel's by their names: one line each."""
    return {name: number for name, number, *_ in map(str.split, file.read_text().splitlines())}
