"""Data sets of torch: whatever gives an image and its mask by index, or a LightningDataModule that holds such ones."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import lightning as L
import numpy as np
import PIL.Image
import torch
from annotated_types import Ge, Gt, Interval

from fcnlab.data.class_list import read_classes
from fcnlab.data.datamodule import SPLITS, VOID, SegmentationData, Split
from fcnlab.data.labels import Labels
from fcnlab.data.masks import READERS, MaskFile, as_labels
from fcnlab.data.sharing import share_by_hash
from fcnlab.data.transforms import Image, Mask
from fcnlab.error import UserError

Array = np.ndarray[Any, np.dtype[Any]]


class TorchData(SegmentationData):
    """Images and masks that other data sets read: each item is a pair, or a mapping.

    Both come as a PIL image, an array (H, W) or (H, W, c), or a tensor (H, W) or (c, H, W), as they are before
    normalisation and augmentation, which are those of ``data.augment``, ``data.mean`` and ``data.std``.

    Args:
        train, val, test: data sets with ``len`` and items by index; one that is None shares that of ``train`` by
            ``fractions``.
        module: a LightningDataModule instead, whose loaders are asked for their data sets.
        image, mask: position or key in an item; None is the first and second, or the keys ``image`` and ``mask``.
        white: the value of white of images that are not uint8; 1 for those of ``ToTensor``.
        classes, labels, colours, void_label, shift, tolerance, threshold: what masks hold, as in
            :class:`fcnlab.data.labels.Labels`.
    """

    def __init__(
        self,
        *,
        classes: Any,
        train: Any = None,
        val: Any = None,
        test: Any = None,
        module: Any = None,
        image: int | str | None = None,
        mask: int | str | None = None,
        white: Annotated[float, Gt(0)] | None = None,
        fractions: dict[Split, Annotated[float, Interval(ge=0, le=1)]],
        labels: Sequence[Any] | Mapping[Any, str] | None = None,
        colours: Sequence[Any] | bool | None = None,
        void_label: Any = VOID,
        shift: int = 0,
        tolerance: Annotated[int, Interval(ge=0, le=127)] = 0,
        threshold: Annotated[int, Interval(ge=0, le=255)] | None = None,
        channels: Annotated[int, Ge(1)] = 3,
        **common: Any,
    ) -> None:
        known = read_classes(classes, Path(), "a list of class names in data.classes")
        reading: dict[str, Any] = {"labels": labels, "colours": colours, "void_label": void_label, "shift": shift}
        self.labels = Labels(known, **reading, tolerance=tolerance, threshold=threshold)
        super().__init__(class_names=known.names, channels=channels, **{"palette": self.labels.palette} | common)
        self.module, self.given_sets = module, {"train": train, "val": val, "test": test}
        self.keys = {"image": image, "mask": mask}
        self.channels, self.white = channels, white
        self.fractions = {str(split): share for split, share in fractions.items()}
        self.chosen: dict[str, list[int]] = {}

    def prepare_data(self) -> None:
        """What the module fetches, once for all processes."""
        if isinstance(self.module, L.LightningDataModule):
            self.module.prepare_data()

    @cached_property
    def sets(self) -> dict[str, Any]:
        """The data set of each split; several may have one."""
        found = self.given_sets if self.module is None else of_module(self.module)
        for split, one in found.items():
            if one is not None and not (hasattr(one, "__len__") and hasattr(one, "__getitem__")):
                raise UserError(
                    f"data.{split} builds a {type(one).__name__}, which has no len and items by index. A data set of "
                    "torch has both; an IterableDataset has not, and its images cannot be drawn, scored and resumed."
                )
        if found["train"] is None:
            raise UserError("data.train is missing: name a data set by its _target_, or a LightningDataModule: module.")
        return {split: found["train"] if one is None else one for split, one in found.items()}

    def indices(self, split: str) -> list[int]:
        """Which items of its data set are a split's."""
        if split not in self.chosen:
            own = self.sets[split]
            together = [one for one in SPLITS if self.sets[one] is own]
            names = {f"{number:06}": number for number in range(len(own))}
            self.chosen[split] = [names[name] for name in share_by_hash(names, split, together, self.fractions)]
        return self.chosen[split]

    def names(self, split: str) -> Sequence[str]:
        """The first split of a data set with the number of the item."""
        first = next(one for one in SPLITS if self.sets[one] is self.sets[split])
        return [f"{first}_{number:06}" for number in self.indices(split)]

    def read(self, split: str, index: int) -> tuple[Image, Mask]:
        """Image and mask of one item. Raises UserError where they are no such thing."""
        number = self.indices(split)[index]
        where = f"item {number} of data.{split}"
        try:
            item = self.sets[split][number]
        except Exception as error:  # whatever somebody else's data set may raise
            told = " ".join(str(error).split())[:300]
            raise UserError(
                f"{where} cannot be read: {type(error).__name__}: {told}. trace=true tells more."
            ) from error
        image = self.pixels(part(item, self.keys["image"], 0, "image", where), f"The image in {where}")
        mask = self.classes(part(item, self.keys["mask"], 1, "mask", where), where)
        if image.shape[:2] != mask.shape:
            raise UserError(
                f"In {where} the mask is {mask.shape[1]}x{mask.shape[0]}, its image {image.shape[1]}x{image.shape[0]}. "
                "A mask must have its image's size: leave resizing to data.image_size."
            )
        return image, mask

    def pixels(self, value: Any, what: str) -> Image:
        """An image (H, W, c) uint8."""
        if isinstance(value, PIL.Image.Image) and self.channels in (1, 3):
            value = value.convert("RGB" if self.channels == 3 else "L")
        array = channels_last(value, self.channels)
        if array.ndim != 3 or array.shape[2] != self.channels:
            raise UserError(f"{what} has shape {np.shape(array)}, but data.channels={self.channels}.")
        if array.dtype == np.uint8 and self.white in (None, 255):
            return np.ascontiguousarray(array)
        if self.white is None or not (array.min() >= 0 and array.max() <= self.white):
            low, high = array.min(), array.max()
            limit = "is not uint8" if self.white is None else f"has more than data.white={self.white:g}, or less than 0"
            raise UserError(
                f"{what} is {array.dtype} from {low:g} to {high:g}: it {limit}. Set data.white to the value of white "
                "(1 after ToTensor), and leave normalisation to data.mean and data.std: take it out of the data set's "
                "own transform."
            )
        return np.asarray(np.rint(array * (255 / self.white)), dtype=np.uint8)

    def classes(self, value: Any, where: str) -> Mask:
        """Class indices (H, W) uint8, void being 255."""
        path = Path(where)  # what messages call it
        if isinstance(value, PIL.Image.Image) and value.mode in READERS:
            file = READERS[value.mode](path, value.copy())  # a copy has no file behind it
        else:
            file = stored(channels_last(value, 1), where)
        return self.labels.index(self.labels.raw(file, path), path)

    def image_shape(self, split: str, index: int) -> tuple[int, int]:
        """Height and width; the item is read for them."""
        height, width = self.read(split, index)[1].shape
        return height, width


def of_module(module: Any) -> dict[str, Any]:
    """The data sets behind the loaders of a LightningDataModule."""
    if not isinstance(module, L.LightningDataModule):
        raise UserError(f"data.module builds a {type(module).__name__}. It must be a LightningDataModule.")
    for stage in ("fit", "validate", "test"):
        module.setup(stage)
    found = dict[str, Any]()
    for split in SPLITS:
        try:
            loader = getattr(module, f"{split}_dataloader")()
        except L.fabric.utilities.exceptions.MisconfigurationException:  # it has none
            loader = None
        found[split] = getattr(loader, "dataset", None)
    return found


def part(item: Any, key: int | str | None, position: int, name: str, where: str) -> Any:
    """The image or the mask of an item."""
    if key is None:
        key = name if isinstance(item, Mapping) else position
    try:
        return item[key]
    except (KeyError, IndexError, TypeError) as error:
        held = f"the keys {', '.join(map(str, item))}" if isinstance(item, Mapping) else f"a {type(item).__name__}"
        raise UserError(f"{where} is {held}; it has no {key!r}. Set data.{name} to position or key.") from error


def channels_last(value: Any, channels: int) -> Array:
    """An image or mask of any kind as an array, its channels last where it has any."""
    if isinstance(value, torch.Tensor):
        array, order = value.detach().cpu().numpy(), (0, -1)
    else:
        array, order = np.asarray(value), (-1, 0)
    if array.ndim == 2 and channels == 1:
        return array[..., None]
    if array.ndim == 3:
        counts = (channels, 3, 4) if channels == 1 else (channels,)  # of a mask: labels, or colours
        axis = next((axis for axis in order if array.shape[axis] in counts), -1)
        return np.moveaxis(array, axis, -1)
    return array


def stored(array: Array, where: str) -> MaskFile:
    """An array as a mask file holds it. Raises UserError for what holds no labels and no colours."""
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    whole = array.dtype.kind in "iub" or (array.dtype.kind == "f" and bool((array == np.rint(array)).all()))
    if array.ndim not in (2, 3) or not whole or not array.size:
        span = f" from {array.min():g} to {array.max():g}" if array.size and array.dtype.kind in "iubf" else ""
        raise UserError(
            f"The mask in {where} is {array.dtype} of shape {array.shape}{span}. A mask is (H, W) labels, 0 to 65535, "
            "or colours of 8 bits; take transforms out that scale it."
        )
    kept = np.ascontiguousarray(array[..., :3] if array.ndim == 3 else array)
    return MaskFile(as_labels(kept, f"The mask in {where}"), str(array.dtype))
