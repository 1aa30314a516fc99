"""Samples and batches: one image with its mask on the way from its file to the net."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, NotRequired, TypedDict

import numpy as np
import torch
from torch.utils.data import Dataset

from fcnlab.data.arrays import VOID as VOID
from fcnlab.data.sampling import Draw
from fcnlab.data.transforms import Image, Mask, Pipeline
from fcnlab.error import UserError

PADDING = ""  # the name of an image that fills a gap between processes: all void, it counts nowhere
TRIES = 20  # images to try instead of one that cannot be read


class Sample(NamedTuple):
    """One image for the net: what a Dataset gives."""

    image: torch.Tensor
    mask: torch.Tensor
    name: str
    skipped: Sequence[str] = ()  # what was wrong with the images that this one replaces
    masks: Mapping[str, torch.Tensor] | None = None  # those of further heads, by name


class Batch(TypedDict):
    """image float (N, 3, H, W); mask long (N, H', W'), at the ground truth's own size in val and test; N names."""

    image: torch.Tensor
    mask: torch.Tensor
    name: list[str]
    masks: NotRequired[dict[str, torch.Tensor]]  # those of further heads by name, each like ``mask``
    skipped: NotRequired[list[str]]  # on_bad_sample=skip: what was wrong with the images that were replaced


class SplitDataset(Dataset[Sample]):
    """One split of a data set: reads an image and its mask and sends both through the split's pipeline.

    Args:
        read: gives image and mask by index.
        skip: let another image, which follows from the draw alone, replace one that cannot be read.
        more: gives the masks of further heads by index.
    """

    def __init__(
        self,
        read: Callable[[int], tuple[Image, Mask]],
        names: Sequence[str],
        pipeline: Pipeline,
        skip: bool = False,
        more: Callable[[int], dict[str, Mask]] | None = None,
    ) -> None:
        self.read, self.names, self.pipeline, self.tries = read, names, pipeline, TRIES if skip else 0
        self.more = more

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, draw: Draw | int) -> Sample:
        draw = draw if isinstance(draw, Draw) else Draw(draw)
        skipped: list[str] = []
        for index in (draw.image, *np.random.default_rng(draw.seed).integers(len(self), size=self.tries).tolist()):
            try:
                image, mask = self.read(index)
                more = self.more(index) if self.more else {}
                check_sizes(mask, more, self.names[index])
            except UserError as error:
                if not self.tries:
                    raise
                skipped.append(str(error))
            else:
                masks = [mask, *more.values()]
                if not draw.counts:
                    masks = [np.full_like(mask, VOID) for mask in masks]
                seen, (first, *others) = self.pipeline.several(image, masks, draw.seed)
                name = self.names[index] if draw.counts else PADDING
                return Sample(seen, first, name, skipped, dict(zip(more, others, strict=True)) or None)
        raise UserError(f"{len(skipped)} training images in a row cannot be read. The last: {skipped[-1]}")


def collate(samples: Sequence[Sample]) -> Batch:
    """Stack samples; those smaller than the largest are padded below and to the right, with mean colour and void."""
    images, masks, names, skipped, more = zip(*samples, strict=True)
    batch: Batch = {"image": stack(images, 0.0), "mask": stack(masks, VOID), "name": list(names)}
    if more[0]:
        batch["masks"] = {name: stack([masks[name] for masks in more], VOID) for name in more[0]}
    if any(skipped):
        batch["skipped"] = [message for messages in skipped for message in messages]
    return batch


def stack(tensors: Sequence[torch.Tensor], fill: float) -> torch.Tensor:
    """Stack tensors (..., h, w) into (N, ..., max h, max w)."""
    if len({t.shape for t in tensors}) == 1:
        return torch.stack(list(tensors))  # to pad by nothing copies all the same
    height, width = max(t.shape[-2] for t in tensors), max(t.shape[-1] for t in tensors)
    pad = torch.nn.functional.pad
    return torch.stack([pad(t, (0, width - t.shape[-1], 0, height - t.shape[-2]), value=fill) for t in tensors])


def check_sizes(mask: Mask, more: Mapping[str, Mask], name: str) -> None:
    """Raise UserError where the masks of an image differ in size."""
    for head, other in more.items():
        if other.shape != mask.shape:
            raise UserError(
                f"The mask of {name} for head {head} is {other.shape[1]}x{other.shape[0]}, the first one "
                f"{mask.shape[1]}x{mask.shape[0]}. The masks of an image have one size."
            )
