"""What a survey tells of a data set that is no fault, yet worth knowing before a training."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fcnlab.data.checks import SHOWN, same_images

if TYPE_CHECKING:
    from fcnlab.data.datamodule import SegmentationData

MUCH = 0.5  # share of an image's pixels that is cropped away, or of a training image's that is padding


def notes(data: "SegmentationData", found: Mapping[str, Any]) -> list[str]:
    """Sentences about what a survey found, by split: ``names``, ``images`` (hashes), ``pixels`` by label, ``sizes``."""
    sizes = found["train"]["sizes"]
    return [*repeated(found), *one_sided(data.class_names, found), *crops(data, sizes), *pads(data, sizes)]


def repeated(found: Mapping[str, Any]) -> Iterator[str]:
    """Equal images within a split, and in training and validation."""
    for split, seen in found.items():
        times = Counter(image for image in seen["images"] if image)
        if double := sum(number - 1 for number in times.values()):
            twice = [name for name, image in zip(seen["names"], seen["images"], strict=True) if times[image] > 1]
            yield f"{double} images of {split} are there more than once, under other names: {', '.join(twice[:SHOWN])}."
    here, there = (list(zip(found[split]["names"], found[split]["images"], strict=True)) for split in ("train", "val"))
    if twins := same_images(here, there):
        all_of = " all," if len(twins) >= len(there) else ""
        shown = ", ".join(one if one == other else f"{one} and {other}" for one, other in twins[:SHOWN])
        yield (
            f"{len(twins)} of {len(there)} val images,{all_of} are in train too: {shown}. So val tells how well images "
            "are remembered: choose no checkpoint by it (score=last)."
        )


def one_sided(class_names: Sequence[str], found: Mapping[str, Any]) -> Iterator[str]:
    """Classes that do not occur in every split."""
    for label, name in enumerate(class_names):
        has = [split for split, seen in found.items() if seen["pixels"][label]]
        lacks = [split for split, seen in found.items() if not seen["pixels"][label] and seen["pixels"][:255].any()]
        if has and lacks:
            meaning = "it cannot be learnt" if "train" in lacks else f"no score of {' or '.join(lacks)} tells of it"
            yield f"Class {name} occurs in {' and '.join(has)}, not in {' and '.join(lacks)}: {meaning}."
        if not has:
            yield f"Class {name} occurs nowhere."


def crops(data: "SegmentationData", sizes: Mapping[tuple[int, int], int]) -> Iterator[str]:
    """Training images of which a crop keeps little, or which it pads much."""
    transforms = augmentations(data)
    crop = next((one for one in transforms if "Crop" in type(one).__name__ and hasattr(one, "height")), None)
    if crop is None or data.training_pipeline.image_size is not None:
        return
    height, width = crop.height, crop.width
    kept = {size: min(size[0], height) * min(size[1], width) for size in sizes}
    small = sum(n for (h, w), n in sizes.items() if kept[h, w] < (1 - MUCH) * height * width)
    large = sum(n for (h, w), n in sizes.items() if kept[h, w] < (1 - MUCH) * h * w)
    for number, what in ((small, "are padded to more than twice their size"), (large, "lose more than half of it")):
        if number:
            yield f"data.augment crops {width}x{height} pixels: {number} of {sum(sizes.values())} train images {what}."


def pads(data: "SegmentationData", sizes: Mapping[tuple[int, int], int]) -> Iterator[str]:
    """Training images that are padded to the largest of their batch."""
    transforms = augmentations(data)
    fixed = data.training_pipeline.image_size is not None or any("Crop" in type(one).__name__ for one in transforms)
    if fixed or data.batch_size == 1 or len(sizes) < 2:
        return
    largest = max(h for h, _ in sizes) * max(w for _, w in sizes)
    mean = sum(h * w * number for (h, w), number in sizes.items()) / sum(sizes.values())
    if mean < (1 - MUCH) * largest:
        yield (
            f"The train images have {len(sizes)} sizes. In batches up to "
            f"{100 * (1 - mean / largest):.0f} % of the pixels are padding: set data.image_size or a crop."
        )


def augmentations(data: "SegmentationData") -> list[Any]:
    """The transforms of the training images."""
    augment = data.training_pipeline.augment
    return list(augment.compose.transforms) if augment is not None else []
