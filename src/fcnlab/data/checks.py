"""What no training may begin with: an image that is both learnt and tested, a split without a label."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from fcnlab.data.transforms import Image
from fcnlab.error import UserError

if TYPE_CHECKING:
    from fcnlab.data.datamodule import SegmentationData

SHOWN = 3  # names that a message tells


def refuse_unusable(data: "SegmentationData", splits: Sequence[str]) -> None:
    """Raise UserError for the first thing in the splits that are used of which no score could be believed."""
    alone = monotony(data.class_names, data.contents("train").pixels) if "train" in splits else []
    for problem in (*unlabelled(data, splits), *alone, *leaked(data, splits)):
        raise UserError(problem)


def monotony(class_names: Sequence[str], pixels: Sequence[int]) -> list[str]:
    """The fault of masks among which there is nothing to tell apart: mostly those of 0 and 255.

    Args:
        pixels: by label, 0 to 255.
    """
    seen = [name for name, count in zip(class_names, pixels, strict=False) if count]
    if len(seen) > 1 or len(class_names) == 1 or not any(pixels):
        return []
    void = " 255 is void: of masks of 0 and 255, data.labels=[0,255] makes it a class." if pixels[255] else ""
    return [f"The masks hold no class but {', '.join(seen) or 'void'}, so there is nothing to learn.{void}"]


def unlabelled(data: "SegmentationData", splits: Sequence[str]) -> Iterator[str]:
    """Splits in which every pixel is void."""
    for split in splits:
        if not data.names(split):
            yield f"{split} has no images."
        elif not data.contents(split).labelled:
            yield (
                f"{split} has no labelled pixel: all of its {len(data.names(split))} masks are void throughout, so "
                "nothing could be learnt or scored there. Put labelled images into it, or mend void_label and labels."
            )
    for name, head in data.heads.items():
        yield from (f"Of head {name} {problem}" for problem in unlabelled(head, splits))


def leaked(data: "SegmentationData", splits: Sequence[str]) -> Iterator[str]:
    """Images that are learnt and tested, by name or by content."""
    if not {"train", "test"} <= {*splits}:
        return
    here, there = (list(zip(data.names(one), data.contents(one).images, strict=True)) for one in ("train", "test"))
    twins = same_images(here, there)
    if same := under_one_name(here, there):
        yield (
            f"{len(same)} images of data={data.name} are in both train and test: {', '.join(same[:SHOWN])}. No image "
            "may be both learnt and tested: take them out of one list."
        )
    indices = {name: index for index, name in enumerate(data.names("train"))} if twins else {}
    if shown := [twin for twin in twins if shows_something(data.read("train", indices[twin[0]])[0])]:
        yield under_two_names(shown)


def shows_something(image: Image) -> bool:
    """Whether an image (H, W, C) has more than one colour: empty tiles are equal and give nothing away."""
    return bool((image != image[:1, :1]).any())


def same_images(here: Iterable[tuple[str, str]], there: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Names of equal images in two splits, of which each image has a name and a hash of its content."""
    names = {image: name for name, image in there}
    return [(name, names[image]) for name, image in here if image and image in names]


def under_one_name(here: Iterable[tuple[str, str]], there: Iterable[tuple[str, str]]) -> list[str]:
    """Names that two splits share and that mean the same image: train/001.jpg and test/001.jpg may be two images."""
    images = dict(there)
    return sorted(name for name, image in here if image and images.get(name) == image)


def under_two_names(twins: Sequence[tuple[str, str]]) -> str:
    """The message about images with other names but equal content in train and test."""
    shown = ", ".join(f"{one} and {other}" for one, other in twins[:SHOWN])
    return (
        f"{len(twins)} images are in both train and test under two names, with equal content: {shown}. No image may be "
        "both learnt and tested: take them out of one list."
    )
