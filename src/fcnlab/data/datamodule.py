"""What every data set shares: its facts, its splits, what a look at them finds, and the images that nets are fed."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge, Gt, Interval

from fcnlab.cli.checked import Checked
from fcnlab.data.contents import Contents, Look, count_labels, look_through
from fcnlab.data.heads import build_heads, check_names, noting, read_masks
from fcnlab.data.hidden import BACKGROUND, Hidden, hidden_by_split
from fcnlab.data.kept import Kept
from fcnlab.data.loading import Loaded, usable_cores
from fcnlab.data.palette import voc_palette
from fcnlab.data.samples import PADDING as PADDING
from fcnlab.data.samples import VOID as VOID
from fcnlab.data.samples import Batch as Batch
from fcnlab.data.samples import SplitDataset
from fcnlab.data.transforms import Image, Mask, Pipeline, usual_input
from fcnlab.error import UserError, nearest

Split = Literal["train", "val", "test"]
SPLITS = ("train", "val", "test")

Above0 = Annotated[float, Gt(0)]


class SegmentationData(Checked, Loaded):
    """A data set: subclasses say ``names``, ``read`` and, where sizes differ, ``image_shape``.

    Args:
        name: what run folders and tables call it.
        class_names: one name per class, in the order of the labels.
        palette: one RGB colour per class; None takes PASCAL VOC's colour map.
        image_size: (height, width) seen by the net, or None for each image's own.
        mean, std: normalisation of values in 0..``scale``, channels in ``order``; None is ImageNet's.
        order, scale: RGB or BGR, and the value of white: what Caffe's nets are fed is BGR of 0..255 minus a mean.
        augment: albumentations transforms of the training images; None or an empty list: none.
        batch_size: images per process and step.
        replacement: draw training images with replacement.
        num_workers: loading processes, or ``auto``: one per core but one, none where the data are in memory.
        on_bad_sample: what a training image does that cannot be read: ``raise``, or ``skip`` to use another
            instead, which follows from seed, epoch and position and is counted. Others always raise.
        seed: order and augmentation follow from it, the epoch and the position alone.
        in_memory: reading an image costs nothing (it was made, not loaded).
        channels: of an image; 3 is RGB.
        heads: further masks of every image by name, for the heads of a net (``model.heads``): what is different where
            they are read, as ``{geometric: {labels: geometric}}``. Each is a data set like this one.
        hide: what of the images is hidden, by split, as ``{train: background, test: null}``; see :class:`Hide`.
    """

    given: Mapping[str, Any] = {}  # what it was built with
    parallel = False  # whether ``read`` may be called by several threads at once
    kept: Kept | None = None  # where a training keeps what a look at the files found

    def __init_subclass__(cls) -> None:
        """A subclass's settings are noted too: the masks of a further head are read with most of them."""
        super().__init_subclass__()
        if "__init__" in vars(cls):
            cls.__init__ = noting(cls.__init__)  # type: ignore[method-assign]

    @noting
    def __init__(
        self,
        *,
        name: str,
        class_names: Sequence[str],
        batch_size: Annotated[int, Ge(1)],
        palette: Sequence[Sequence[Annotated[int, Interval(ge=0, le=255)]]] | None = None,
        image_size: tuple[Annotated[int, Ge(1)], Annotated[int, Ge(1)]] | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[Above0] | None = None,
        order: Literal["RGB", "BGR"] = "RGB",
        scale: Annotated[float, Gt(0)] = 1.0,
        augment: Sequence[Any] | None = (),
        replacement: bool = False,
        num_workers: Literal["auto"] | Annotated[int, Interval(ge=0, le=256)] = "auto",
        on_bad_sample: Literal["raise", "skip"] = "raise",
        seed: Annotated[int, Ge(0)] = 0,
        in_memory: bool = False,
        channels: int = 3,
        heads: Mapping[str, Mapping[str, Any]] | None = None,
        hide: Mapping[Split, Hidden | None] | None = None,
    ) -> None:
        super().__init__()
        self.heads, self.given = build_heads(self, self.given, heads), {}
        if not 1 <= len(class_names) <= VOID:
            raise UserError(
                f"data={name} has {len(class_names)} class names. A mask of 8 bits holds 1 to {VOID} classes, labels 0 "
                f"to {VOID - 1}; {VOID} is void, the ignore index. Leave out or merge classes (data.labels)."
            )
        self.on_bad_sample = on_bad_sample
        self.name, self.class_names = name, tuple(class_names)
        self.palette = [list(map(int, c)) for c in (palette or voc_palette(len(self.class_names)))]
        if len(self.palette) < len(self.class_names) or any(len(colour) != 3 for colour in self.palette):
            raise UserError(
                f"data.palette={palette} must hold red, green and blue for each of {len(self.class_names)} classes."
            )
        usual = usual_input(channels, order, scale)
        self.mean, self.std = usual[0] if mean is None else mean, usual[1] if std is None else std
        self.hide = hidden_by_split(hide, self.class_names)
        self.batch_size, self.replacement, self.seed = batch_size, replacement, seed
        self.num_workers, self.in_memory, self.test_split = num_workers, in_memory, "test"
        self.found: dict[str, Contents] = {}
        self.input: dict[str, Any] = {"mean": self.mean, "std": self.std, "order": order, "scale": float(scale)}
        common: dict[str, Any] = {"image_size": image_size, "channels": channels, **self.input}
        self.training_pipeline, self.scoring_pipeline = Pipeline(**common, augment=augment or ()), Pipeline(**common)

    def names(self, split: str) -> Sequence[str]:
        """The names of a split's images, in a fixed order. Raises UserError where there are none."""
        raise NotImplementedError

    def read(self, split: str, index: int) -> tuple[Image, Mask]:
        """One image (H, W, 3) uint8 RGB and its mask (H, W) uint8 of class indices, void being 255."""
        raise NotImplementedError

    def read_mask(self, split: str, index: int) -> Mask:
        """The mask alone."""
        return self.read(split, index)[1]

    def samples(self, split: str) -> dict[str, Callable[[], tuple[Image, Mask]]]:
        """Every name of a split with what reads its image and mask: for looking at faults one by one."""
        return {name: partial(self.read, split, index) for index, name in enumerate(self.names(split))}

    def masks(self, split: str) -> Iterator[Mask]:
        """The split's masks (H, W) in order."""
        return (self.read(split, index)[1] for index in range(len(self.names(split))))

    def image_shape(self, split: str, index: int) -> tuple[int, int]:
        """Height and width of one image, cheaply; a data set whose images share one size need not say it."""
        return (0, 0)

    def examine(self, split: str, index: int) -> Look:
        """What one image and its mask tell of themselves; see :class:`fcnlab.data.contents.Look`."""
        image, mask = self.read(split, index)
        own = hashlib.sha256(image.tobytes())
        both = own.copy()
        both.update(mask.tobytes())
        return Look(both.digest(), count_labels(mask), mask.shape, own.hexdigest()[:16])

    def contents(self, split: str) -> Contents:
        """What a look at every image of the split found: once per process, and once for all where it is kept."""
        if split not in self.found:
            threads = usable_cores() if self.parallel else 1
            look = partial(look_through, self, split, threads=threads)
            stamp = self.split_stamp(split) if self.kept else None
            if self.kept is not None and stamp is not None:
                self.found[split] = self.kept.get(str(self.name), split, stamp, look)
                self.recall(self.found[split].noted)
            else:
                self.found[split] = look()
        return self.found[split]

    def facts(self) -> dict[str, Any]:
        """What a checkpoint must know of the data to be used without them; plain Python."""
        own = {"class_names": list(self.class_names), "palette": self.palette, **self.input}
        more = {
            name: {"class_names": list(head.class_names), "palette": head.palette} for name, head in self.heads.items()
        }
        return own | {"heads": more} if more else own

    def forgives(self, split: str) -> bool:
        """Whether images of this split that cannot be read are skipped."""
        return self.on_bad_sample == "skip" and split == "train"

    def stamp(self) -> str | None:
        """What changes when the files change, at a glance; None where there are no files to look at."""
        return None

    def noted(self) -> dict[str, Any]:
        """What a look at files noted that concerns other splits too; plain Python."""
        return {}

    def recall(self, noted: Mapping[str, Any]) -> None:
        """Take note of what an earlier look noted. Raises UserError where it contradicts what was seen since."""

    def split_stamp(self, split: str) -> str | None:
        """What changes when the files of a split or the way they are read change; None where there are no files."""
        return None

    def fingerprint(self, split: str) -> str:
        """A hash of a split's names and contents: runs compare when their test splits agree."""
        own = self.contents(split).fingerprint
        if not self.heads:
            return own
        all_masks = repr((own, [(name, head.fingerprint(split)) for name, head in self.heads.items()]))
        return hashlib.sha256(all_masks.encode()).hexdigest()[:16]

    def fingerprints(self, splits: Sequence[str]) -> dict[str, str]:
        """The fingerprint of each split, and of its images alone: that of files on disk goes by masks and sizes."""
        hashes = {split: repr(sorted(self.contents(split).images)).encode() for split in splits}
        images = {f"images of {split}": hashlib.sha256(own).hexdigest()[:16] for split, own in hashes.items()}
        return {split: self.fingerprint(split) for split in splits} | images

    def median_frequency_weights(self) -> list[float]:
        """Class weights median(f) / f from the training masks, f counted over images that show the class.

        As in SegNet (arXiv:1511.00561, section 4.1). A class that never occurs weighs 0.
        """
        found, classes = self.contents("train"), len(self.class_names)
        frequency = np.array(found.pixels[:classes]) / np.maximum(found.shown[:classes], 1)
        median = np.median(frequency[frequency > 0])
        return [float(median / f) if f > 0 else 0.0 for f in frequency]

    def dataset(self, split: str, training: bool = False) -> SplitDataset:
        """See :meth:`Loaded.dataset`. Raises UserError for a split without images."""
        if split not in SPLITS:
            raise UserError(f"Unknown split {split!r}. {nearest(split, SPLITS)}")
        names = self.names(split)
        if not names:
            raise UserError(f"Split {split!r} of {self.name} is empty. Each of {', '.join(SPLITS)} needs images.")
        check_names(self, split)
        more = partial(read_masks, self, split) if self.heads else None
        pipeline = self.training_pipeline if training else self.scoring_pipeline
        if hidden := self.hide.get(split):
            pipeline = pipeline.hiding(hidden, background=self.class_names.index(BACKGROUND))
        skip = self.forgives(split) and training
        return SplitDataset(self.reading(split), names, pipeline, skip=skip, more=more)

    def reading(self, split: str) -> Callable[[int], tuple[Image, Mask]]:
        """What gives image and mask by index."""
        return partial(self.read, split)

    def shapes(self, split: str) -> list[tuple[int, int]]:
        """Height and width of every image: of an earlier look, or from the files' headers."""
        looked = self.found.get(split)
        return looked.shapes if looked else [self.image_shape(split, i) for i in range(len(self.names(split)))]
