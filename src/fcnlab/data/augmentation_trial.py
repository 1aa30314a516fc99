"""A trial of every augmentation before a training: each transform moves labels, whatever their numbers are."""

import copy
import warnings
from typing import Any

import albumentations
import numpy as np
from albumentations.augmentations.crops.transforms import CropSizeError

from fcnlab.error import UserError

SIDE = 96  # pixels of the image of the trial
BLOCK = 8  # and of its patches of one label
LABELS = np.array([40, 90, 150], np.uint8)
RENUMBERED = np.array([150, 40, 90], np.uint8)  # no order of numbers is kept: 90 lay between, and now 40 is largest
SEEDS = range(3)
ABSENT = (("bboxes",), ("keypoints",))  # what albumentations knows of and samples lack


def try_out(transform: Any, channels: int) -> None:
    """Apply a transform of albumentations to a made-up image, twice, with its labels numbered in two ways.

    What moves labels makes the same of both. What treats them as brightness (interpolation, morphology, a mask that
    was declared an image) does not.

    Args:
        channels: of the images.

    Raises:
        UserError: the transform mixes labels, does nothing, or asks for what no sample has.
    """
    name, once = type(transform).__name__, copy.deepcopy(transform)
    once.p, once.deterministic = 1.0, False  # ReplayCompose asks for a folder to write to
    if isinstance(transform, albumentations.Transform3D):
        raise UserError(f"data.augment: {name} is of volumes, and does nothing to images. Take it out.")
    if missing := sorted(set(transform.targets_as_params) - {"image", "mask"}):
        raise UserError(
            f"data.augment: {name} asks for {missing[0]}, but a sample is an image and its mask. Take it out."
        )
    draw = np.random.default_rng(0)
    indices = draw.integers(0, len(LABELS), (SIDE // BLOCK, SIDE // BLOCK)).repeat(BLOCK, 0).repeat(BLOCK, 1)
    image = draw.integers(0, 256, (SIDE, SIDE, channels), dtype=np.uint8)
    for seed in SEEDS:
        try:
            first, second = (apply(once, image, labels[indices], seed) for labels in (LABELS, RENUMBERED))
        except UserError:  # a ValueError too
            raise
        except (ValueError, CropSizeError):
            return  # of sizes, perhaps: images of other sizes will tell
        except Exception as error:
            raise UserError(f"data.augment: {name} {cannot(error, channels)}") from error
        chooses = "mask" in transform.targets_as_params  # by number, as MaskDropout does: then otherwise, rightly
        is_mask = all(getattr(one, "dtype", None) == np.uint8 for one in (first, second))  # else each sample tells
        if is_mask and not chooses and not np.array_equal(renumber(first), second):
            raise UserError(
                f"data.augment: {name} mixes labels: it treats their numbers as brightness, so that what lies between "
                "two classes becomes a third. Take it out, or leave its treatment of masks at the nearest label."
            )


def apply(transform: Any, image: Any, mask: Any, seed: int) -> Any:
    """The mask that a transform makes. Raises UserError where it says that it does nothing, and does nothing."""
    transform.set_random_seed(seed)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        both = transform(image=image.copy(), mask=mask.copy())
    if told and np.array_equal(both["image"], image) and np.array_equal(both["mask"], mask):
        raise UserError(
            f"data.augment: {type(transform).__name__} does nothing: {str(told[0].message).rstrip('.')}. Take it out."
        )
    return both["mask"]


def renumber(mask: Any) -> Any:
    """A mask in which the first numbers of labels are the second ones; what else is in it stays."""
    table = np.arange(256, dtype=np.uint8)
    table[LABELS] = RENUMBERED
    return table[mask]


def cannot(error: Exception, channels: int) -> str:
    """Why a transform is of no use here."""
    if isinstance(error, KeyError) and error.args[:1] in ABSENT:
        return f"asks for {error}, but a sample is an image and its mask. Take it out."
    told = f"{type(error).__name__}: {error}".rstrip(".: ")
    return f"cannot be applied to images of {channels} channel{'s' * (channels > 1)}: {told}. Take it out."
