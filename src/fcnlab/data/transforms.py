"""From a uint8 image and its mask to tensors: resize, augment (training only), normalise."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Annotated, Any, Literal, Self

import cv2
import numpy as np
import torch
from annotated_types import Ge, Gt

from fcnlab.cli.checked import Checked
from fcnlab.data.augmentation import Augmentation
from fcnlab.data.augmentation import Image as Image
from fcnlab.data.augmentation import Mask as Mask
from fcnlab.data.hidden import Hidden, Hide
from fcnlab.error import UserError
from fcnlab.model.checkpoint import INPUT

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
GREY_MEAN, GREY_STD = 0.449, 0.226  # ImageNet's, of its channels together
ORDERS = {"RGB": 1, "BGR": -1}  # of channels, and the step with which RGB is read for it
MOST_CHANNELS = 4  # that OpenCV shrinks at once


class Pipeline(Checked):
    """What happens to every image of a split.

    Args:
        image_size: (height, width) to which images are resized; None keeps their own.
        mean, std: normalisation of the values of 0..``scale``, one number per channel in the order fed to the net.
        order: RGB, or BGR as Caffe's nets are fed.
        scale: the value of white before normalisation: 1, or 255 as in Caffe.
        channels: of an image; None: as many as ``mean`` has.
        augment: albumentations transforms, or none. With them the mask is resized like the image; without them it
            keeps its own size, since scores are taken at the ground truth's own size.
    """

    def __init__(
        self,
        *,
        image_size: tuple[Annotated[int, Ge(1)], Annotated[int, Ge(1)]] | None,
        mean: Sequence[float],
        std: Sequence[Annotated[float, Gt(0)]],
        order: Literal["RGB", "BGR"] = "RGB",
        scale: Annotated[float, Gt(0)] = 1.0,
        channels: int | None = None,
        augment: Sequence[Any] | None = None,
    ) -> None:
        count = channels or max(1, len(mean))
        for key, values in (("mean", mean), ("std", std)):
            if len(values) != count:
                example = ",".join(["0.5"] * count)
                raise UserError(f"data.{key}={values} must be {count} numbers, one per channel, as [{example}].")
        if order == "BGR" and count != 3:
            raise UserError(f"data.order=BGR is of three channels, but there are {count}. Leave it at RGB.")
        self.image_size = None if image_size is None else (image_size[0], image_size[1])
        self.step = ORDERS[order]
        self.mean = 255 / scale * torch.tensor(mean).view(-1, 1, 1)
        self.std = 255 / scale * torch.tensor(std).view(-1, 1, 1)
        self.augment = None if augment is None else Augmentation(augment, channels=len(self.mean))
        self.hide: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None = None

    def __call__(self, image: Image, mask: Mask, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
        """Image (H, W, c) and mask (H, W), uint8 -> image (c, h, w) float32 and mask (h, w) int64."""
        seen, (truth,) = self.several(image, [mask], seed)
        return seen, truth

    def several(self, image: Image, masks: Sequence[Mask], seed: int = 0) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """The same for one mask or more of an image."""
        image = self.resize(image, cv2.INTER_LINEAR)
        if self.augment is not None:
            image, masks = self.augment.several(image, [self.resize(mask, cv2.INTER_NEAREST) for mask in masks], seed)
        seen, truth = self.normalise(image), [torch.from_numpy(mask.astype(np.int64)) for mask in masks]
        return self.hide(seen, truth[0]) if self.hide else seen, truth

    def hiding(self, what: Hidden, *, background: int) -> Self:
        """The same with what is labelled so hidden in every image; see :class:`Hide`."""
        other = copy(self)
        white = self.normalise(np.full((1, 1, len(self.mean)), 255, np.uint8))
        other.hide = Hide(what, background=background, white=white)
        return other

    def resize(self, array: Image, interpolation: int) -> Image:
        """Bring an image or mask to ``image_size``."""
        if self.image_size is None or array.shape[:2] == self.image_size:
            return array
        height, width = self.image_size
        shrinks = interpolation == cv2.INTER_LINEAR and height < array.shape[0]
        how = cv2.INTER_AREA if shrinks else interpolation
        if array.ndim == 2 or array.shape[2] <= MOST_CHANNELS:
            resized = cv2.resize(array, (width, height), interpolation=how)
            return np.asarray(resized.reshape(height, width, *array.shape[2:]))  # OpenCV drops a single channel
        parts = np.split(array, range(MOST_CHANNELS, array.shape[2], MOST_CHANNELS), axis=2)
        return np.concatenate([self.resize(np.ascontiguousarray(part), interpolation) for part in parts], axis=2)

    def normalise(self, image: Image) -> torch.Tensor:
        """(H, W, c) uint8 -> (c, H, W) float32, in the net's own order."""
        channels_first = image[..., :: self.step].transpose(2, 0, 1).copy()  # a line of pixels may be flipped
        return torch.from_numpy(channels_first).float().sub_(self.mean).div_(self.std)


def input_pipeline(facts: Mapping[str, Any], image_size: Any) -> Pipeline:
    """What an image goes through before a trained net sees it: resized, normalised as in training."""
    return Pipeline(image_size=image_size, **{key: facts[key] for key in INPUT if key in facts})


def usual_input(channels: int, order: str, scale: float) -> tuple[list[float], list[float]]:
    """ImageNet's mean and deviation, of 0..``scale``; channels that ImageNet lacks have 0.5 and 0.25."""
    if channels == 1:
        return [scale * GREY_MEAN], [scale * GREY_STD]
    more = max(0, channels - 3)
    mean, std = (*IMAGENET_MEAN, *(0.5,) * more), (*IMAGENET_STD, *(0.25,) * more)
    step = ORDERS.get(order, 1) if channels == 3 else 1
    return [scale * value for value in mean[:channels][::step]], [scale * value for value in std[:channels][::step]]
