"""Augmentation that keeps labels true: what comes out is an image of the same kind, and what is made up is void."""

import inspect
import os
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # albumentations asks the network for news on import

import albumentations
import cv2
import numpy as np
from albumentations.augmentations.crops.transforms import CropSizeError

from fcnlab.data.arrays import VOID
from fcnlab.data.arrays import Image as Image
from fcnlab.data.arrays import Mask as Mask
from fcnlab.data.augmentation_trial import try_out
from fcnlab.error import UserError, kind, nearest, one_line, raised

OURS = ("Normalize", "ToFloat", "FromFloat", "ToTensorV2", "ToTensor3D")  # what the pipeline does itself
RENAMED = {"mask_value": "fill_mask", "value": "fill", "border_value": "fill", "always_apply": "p: 1.0"}
NEAREST = (cv2.INTER_NEAREST, cv2.INTER_NEAREST_EXACT)
# An argument that albumentations does not know is an error here, told in one line.
warnings.filterwarnings("ignore", message=r"Argument\(s\) .* are not valid for transform", category=UserWarning)


class Augmentation:
    """Transforms of albumentations, one after another, drawn anew for every seed.

    What they make up (padding, corners of a rotation) is void in the mask; a ``fill_mask`` other than 0 is kept.

    Args:
        transforms: of albumentations. Raises UserError for arguments that they do not know, for those that normalise,
            for interpolation of labels, and for what a trial (``augmentation_trial``) finds.
        channels: of the images.
    """

    def __init__(self, transforms: Sequence[Any], *, channels: int = 3) -> None:
        if not isinstance(transforms, list | tuple):
            raise UserError("data.augment must be a list of transforms: [{_target_: albumentations.HorizontalFlip}].")
        for transform in walk(transforms):
            check(transform)
            if getattr(transform, "fill_mask", None) == 0:
                transform.fill_mask = VOID
            try_out(transform, channels)
        self.compose = albumentations.Compose(list(transforms))
        self.none = not transforms

    def __call__(self, image: Image, mask: Mask, seed: int) -> tuple[Image, Mask]:
        """Image (H, W, c) and mask (H, W), both as before in kind, of another size perhaps."""
        image, (mask,) = self.several(image, [mask], seed)
        return image, mask

    def several(self, image: Image, masks: Sequence[Mask], seed: int) -> tuple[Image, Sequence[Mask]]:
        """The same for one mask or more of an image."""
        if self.none:
            return image, masks
        mask, *others = masks
        self.compose.set_random_seed(seed)
        try:
            both = self.compose(image=image, mask=mask, **({"masks": others} if others else {}))
        except Exception as error:  # of any transform, a person's own too
            sizes = isinstance(error, ValueError | CropSizeError)
            hint = " Set a larger data.image_size, a smaller crop, or pad_if_needed: true in RandomCrop." * sizes
            told = one_line(error) if sizes else raised(error)
            raise UserError(
                f"data.augment cannot be applied to an image {mask.shape[1]}x{mask.shape[0]}: {told}.{hint}"
            ) from error
        new = [both["mask"], *both.get("masks", ())]
        for before, after in zip(masks, new, strict=True):
            self.compare(image, before, both["image"], after)
        return both["image"], new

    def compare(self, image: Image, mask: Mask, new_image: Any, new_mask: Any) -> None:
        """Raise UserError where what came out is no image, or has labels that were not there."""
        kind = f"(H, W, {image.shape[2]}) uint8"
        for what, before, after in (("an image", image, new_image), ("a mask", mask, new_mask)):
            fits = isinstance(after, np.ndarray) and after.dtype == np.uint8 and after.ndim == before.ndim
            if not fits or after.shape[2:] != before.shape[2:]:
                came = f"{tuple(after.shape)} {after.dtype}" if hasattr(after, "dtype") else type(after).__name__
                raise UserError(
                    f"data.augment makes {what} {came}. Augmentation must leave {kind} and a mask (H, W) uint8; fcnlab "
                    "normalises itself."
                )
        if new_image.shape[:2] != new_mask.shape:
            raise UserError(f"data.augment makes an image of {new_image.shape[:2]} with a mask of {new_mask.shape}.")
        strange = ~held(mask)
        strange[VOID] = False
        if cv2.LUT(np.ascontiguousarray(new_mask), strange.astype(np.uint8)).any():
            label = new_mask[strange[new_mask]].min()
            raise UserError(
                f"data.augment makes label {label}, which the mask did not hold. Labels may move, or become void "
                "(fill_mask: 255), but not be made up."
            )


def walk(transforms: Sequence[Any]) -> Iterator[Any]:
    """All transforms, those within OneOf and the like too."""
    for transform in transforms:
        if isinstance(transform, albumentations.BaseCompose):
            inner = list(walk(transform.transforms))
            refuse_choice(transform, inner)
            yield from inner
        elif isinstance(transform, albumentations.BasicTransform):
            yield transform
        else:
            name = type(transform).__name__
            same = f" Take albumentations.{name}." if hasattr(albumentations, name) else ""
            raise UserError(f"data.augment has {kind(transform)}, which is no transform of albumentations.{same}")


def refuse_choice(outer: Any, inner: Sequence[Any]) -> None:
    """Raise UserError for a choice of transforms that does nothing, or that moves an image without its mask."""
    name = type(outer).__name__
    if not inner:
        raise UserError(f"data.augment has {name} without transforms, which does nothing. Take it out.")
    moving = [type(one).__name__ for one in inner if isinstance(one, albumentations.DualTransform)]
    if isinstance(outer, albumentations.SelectiveChannelTransform) and moving:
        raise UserError(
            f"data.augment: {name} gives {moving[0]} the image alone, so that the mask would stay where it is. Take "
            f"{moving[0]} out of it."
        )


def check(transform: Any) -> None:
    """Raise UserError for a transform that was mistyped, or that does what it must not."""
    name = type(transform).__name__
    if name in OURS:
        raise UserError(
            f"data.augment has {name}. Augmentation must leave (H, W, 3) uint8; fcnlab normalises itself (data.mean, "
            "data.std). Take it out."
        )
    if unknown := getattr(transform, "invalid_args", None):
        known = [key for key in inspect.signature(type(transform).__init__).parameters if key != "self"]
        now = f"It is now {RENAMED[unknown[0]]}. " if unknown[0] in RENAMED else ""
        raise UserError(f"data.augment: {name} takes no {', '.join(unknown)}. {now}{nearest(unknown[0], known)}")
    if (how := getattr(transform, "mask_interpolation", cv2.INTER_NEAREST)) not in NEAREST:
        raise UserError(
            f"data.augment: {name} has mask_interpolation={how}, which mixes labels. Leave it at 0, the nearest."
        )


def held(mask: Mask) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which labels 0 to 255 a mask holds, (256,): it is runs of one label, of which there are few to look at."""
    flat, seen = mask.reshape(-1), np.zeros(256, bool)
    seen[flat[:-1][flat[1:] != flat[:-1]]] = True
    seen[flat[-1:]] = True
    return seen
