"""From a uint8 image and its mask to tensors: resize, augment (training only), normalise."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # albumentations asks the network for news on import

import albumentations
import cv2
import numpy as np
import torch
from albumentations.augmentations.crops.transforms import CropSizeError

from fcnlab.error import UserError, nearest
from fcnlab.model.checkpoint import INPUT, is_numbers

ORDERS = {"RGB": 1, "BGR": -1}  # of channels, and the step with which RGB is read for it
Image = np.ndarray[Any, np.dtype[np.uint8]]  # (H, W, 3) RGB
Mask = np.ndarray[Any, np.dtype[np.uint8]]  # (H, W) class index, 255 is void


class Pipeline:
    """What happens to every image of a split.

    Args:
        image_size: (height, width) to which images are resized; None keeps their own.
        mean, std: normalisation of the values of 0..``scale``, one number per channel in the order fed to the net.
        order: RGB, or BGR as Caffe's nets are fed.
        scale: the value of white before normalisation: 1, or 255 as in Caffe.
        augment: albumentations transforms, or none. With them the mask is resized like the image; without them it
            keeps its own size, since scores are taken at the ground truth's own size.
    """

    def __init__(
        self,
        *,
        image_size: Sequence[int] | None,
        mean: Sequence[float],
        std: Sequence[float],
        order: str = "RGB",
        scale: float = 1.0,
        augment: Sequence[Any] | None = None,
    ) -> None:
        check_input(image_size=image_size, mean=mean, std=std, order=order, scale=scale)
        self.image_size = None if image_size is None else (int(image_size[0]), int(image_size[1]))
        self.step = ORDERS[order]
        self.mean = 255 / scale * torch.tensor(mean).view(3, 1, 1)
        self.std = 255 / scale * torch.tensor(std).view(3, 1, 1)
        self.augment = None if augment is None else albumentations.Compose(list(augment))

    def __call__(self, image: Image, mask: Mask, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
        """Image (H, W, 3) and mask (H, W), uint8 -> image (3, h, w) float32 and mask (h, w) int64."""
        image = self.resize(image, cv2.INTER_LINEAR)
        if self.augment is not None:
            self.augment.set_random_seed(seed)
            mask = self.resize(mask, cv2.INTER_NEAREST)
            try:
                both = self.augment(image=image, mask=mask)
            except (ValueError, CropSizeError) as error:
                height, width = mask.shape
                raise UserError(
                    f"data.augment cannot be applied to an image {width}x{height}: {error}. Set a larger "
                    "data.image_size, a smaller crop, or pad_if_needed: true in RandomCrop."
                ) from error
            image, mask = both["image"], both["mask"]
        return self.normalise(image), torch.from_numpy(mask.astype(np.int64))

    def resize(self, array: Image, interpolation: int) -> Image:
        """Bring an image or mask to ``image_size``."""
        if self.image_size is None or array.shape[:2] == self.image_size:
            return array
        height, width = self.image_size
        shrinks = interpolation == cv2.INTER_LINEAR and height < array.shape[0]
        return np.asarray(
            cv2.resize(array, (width, height), interpolation=cv2.INTER_AREA if shrinks else interpolation)
        )

    def normalise(self, image: Image) -> torch.Tensor:
        """(H, W, 3) uint8 RGB -> (3, H, W) float32, in the net's own order."""
        channels_first = torch.from_numpy(np.ascontiguousarray(image[..., :: self.step].transpose(2, 0, 1)))
        return channels_first.float().sub_(self.mean).div_(self.std)


def input_pipeline(facts: Mapping[str, Any], image_size: Sequence[int] | None) -> Pipeline:
    """What an image goes through before a trained net sees it: resized, normalised as in training."""
    return Pipeline(image_size=image_size, **{key: facts[key] for key in INPUT if key in facts})


def check_input(*, image_size: Any, mean: Any, std: Any, order: Any, scale: Any) -> None:
    """Raise UserError for what no image can be brought to."""
    if order not in ORDERS:
        raise UserError(f"data.order={order} is not known. {nearest(str(order), ORDERS)}")
    if image_size is not None and not (is_numbers(image_size, 2) and min(map(int, image_size)) >= 1):
        raise UserError(f"data.image_size={image_size} must be null or [height, width], 1 or more.")
    for key, values in (("mean", mean), ("std", std)):
        if not is_numbers(values, 3) or (key == "std" and min(values) <= 0):
            rule = "three numbers above 0" if key == "std" else "three numbers"
            raise UserError(f"data.{key}={values} must be {rule}, one per channel, as [0.5,0.5,0.5].")
    if not is_numbers([scale], 1) or scale <= 0:
        raise UserError(f"data.scale={scale} must be a number above 0: the value of white, 1 or 255.")
