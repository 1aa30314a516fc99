"""A guess at how a folder of images and masks is to be read: the YAML of a data set, for a person to name classes."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fcnlab.data.contents import in_order
from fcnlab.data.images import IMAGE_SUFFIXES
from fcnlab.data.masks import read_mask_file
from fcnlab.error import UserError

SPLIT_NAMES = {
    "train": ("train", "training", "trn"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing", "tst"),
}
VOID, MOST, LOOKED_AT = 255, 64, 8  # MOST values in a mask; LOOKED_AT files of a folder, to tell its kind
Value = int | tuple[int, ...]


class Layout(NamedTuple):
    """Templates of images and masks, the folders' names of the splits, and the mask files."""

    images: str
    masks: str
    splits: dict[str, str]
    found: list[Path]


def guess(root: Path, *, threads: int = 1) -> str:
    """The YAML that would read ``root``. Raises UserError where no images with masks are found."""
    if not root.is_dir():
        raise UserError(f"There is no folder data.root={root}. Give one with images and masks.")
    layout = guess_layout(root)
    files, pixels = Counter[Value](), Counter[Value]()
    for values in in_order(lambda index: values_of(layout.found[index]), len(layout.found), threads=threads):
        files.update(values.keys())
        pixels.update(values)
    return "\n".join(written(root, layout, files, pixels)) + "\n"


def values_of(path: Path) -> dict[Value, int]:
    """The labels or colours of a mask file, with how many pixels have each."""
    stored = read_mask_file(path, lossy=True).values
    flat = stored.reshape(-1, stored.shape[2]) if stored.ndim == 3 else stored.ravel()
    values, counts = np.unique(flat, axis=0, return_counts=True)
    keys = [tuple(value.tolist()) if stored.ndim == 3 else int(value) for value in values]
    return dict(zip(keys, counts.tolist(), strict=True))


def guess_layout(root: Path) -> Layout:
    """Which folder, and which names in it, hold masks of which images: the pairing that explains most files."""
    folders = defaultdict[str, dict[str, Path]](dict)
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        if path.suffix.lower() in IMAGE_SUFFIXES and not any(part.startswith(".") for part in inside.parts):
            folders[template(inside.parent)][str(inside.with_suffix(""))] = path
    best, held = list[tuple[int, Layout]](), dict[Path, bool]()
    for folder, images in folders.items():
        for other, masks in folders.items():
            for affix, pairs in pairings(images, masks).items():
                chosen = [mask for _, mask in pairs]
                if {*chosen} & {image for image, _ in pairs} or not all(
                    is_mask(one, held) for one in chosen[:LOOKED_AT]
                ):
                    continue
                prefix, suffix = affix
                splits = dict([*named(images), *named(masks)])
                ends = [one_suffix(path for pair in pairs for path in pair[side : side + 1]) for side in (0, 1)]
                names = (f"{folder}{{name}}{ends[0]}", f"{other}{prefix}{{name}}{suffix}{ends[1]}")
                best.append((len(pairs), Layout(*names, splits, chosen)))
    if not best:
        kinds = ", ".join(f"{folder or './'} ({len(images)} images)" for folder, images in folders.items())
        raise UserError(
            f"Found no images with masks of the same names under {root}: {kinds or 'no image file at all'}. A mask is "
            f"a lossless file with at most {MOST} labels or colours. Write data.images and data.masks yourself."
        )
    layout = max(best, key=lambda one: one[0])[1]
    where = [(Path(names).parent, Path(names).suffix) for names in (layout.images, layout.masks)]
    if where[0] == where[1]:
        raise UserError(
            f"Images ({layout.images}) and masks ({layout.masks}) lie in one folder of {root} and end alike, so that "
            "masks would be taken for images. Move the masks into a folder of their own, then type this again."
        )
    return layout


def one_suffix(paths: Iterable[Path]) -> str:
    """The suffix that all files have, or the template's word for any."""
    suffixes = {path.suffix for path in paths}
    return suffixes.pop() if len(suffixes) == 1 else ".*"


def template(folder: Path) -> str:
    """A folder with {split} for a split's name, ending with a slash."""
    parts = ["{split}" if split_of(part) else part for part in folder.parts]
    return "/".join([*parts, ""])


def split_of(part: str) -> str | None:
    """The split that a folder's name means."""
    return next((split for split, words in SPLIT_NAMES.items() if part.lower() in words), None)


def named(files: Mapping[str, Path]) -> Iterator[tuple[str, str]]:
    """Splits whose folders have other names than fcnlab's."""
    for inside in files:
        for part in Path(inside).parts[:-1]:
            if (split := split_of(part)) and split != part:
                yield split, part


def pairings(images: Mapping[str, Path], masks: Mapping[str, Path]) -> dict[tuple[str, str], list[tuple[Path, Path]]]:
    """Images with masks by what a mask's name has before and behind its image's."""
    by_key = {(splits_in(inside), Path(inside).name): path for inside, path in masks.items()}
    first = next(iter(images))
    affixes = {("", "")}
    for inside in masks:
        name, stem = Path(inside).name, Path(first).name
        if stem in name:
            before, _, behind = name.partition(stem)
            affixes.add((before, behind))
    found = dict[tuple[str, str], list[tuple[Path, Path]]]()
    for before, behind in affixes:
        keys = {(splits_in(inside), f"{before}{Path(inside).name}{behind}"): path for inside, path in images.items()}
        pairs = [(path, by_key[key]) for key, path in keys.items() if key in by_key and by_key[key] != path]
        if pairs:
            found[before, behind] = pairs
    return found


def splits_in(inside: str) -> tuple[str | None, ...]:
    """The splits that a path names."""
    return tuple(split for part in Path(inside).parts[:-1] if (split := split_of(part)))


def is_mask(path: Path, known: dict[Path, bool]) -> bool:
    """Whether a file has few enough values to be a mask."""
    if path not in known:
        try:
            known[path] = path.suffix.lower() not in (".jpg", ".jpeg") and len(values_of(path)) <= MOST
        except UserError:
            known[path] = False
    return known[path]


def written(root: Path, layout: Layout, files: Mapping[Value, int], pixels: Mapping[Value, int]) -> Iterator[str]:
    """The lines of the YAML."""
    values = sorted(pixels, key=lambda value: value if isinstance(value, tuple) else (value,))
    coloured = any(isinstance(value, tuple) for value in values)
    void = [VOID] if VOID in values and len(values) > 2 else []
    yield f"# A guess by fcnlab.survey at {root}, from {len(layout.found)} masks. Name the classes."
    yield "defaults: [folder, _self_]"
    yield "name: folder"
    yield f"root: {quoted(str(root.resolve()))}"
    yield f"images: {quoted(layout.images)}"
    yield f"masks: {quoted(layout.masks)}"
    if layout.splits:
        yield f"splits: {{{', '.join(f'{split}: {spelled}' for split, spelled in sorted(layout.splits.items()))}}}"
    if coloured:
        yield "colours: true"
    yield "classes: # in so many masks, so much of all pixels"
    for number, value in enumerate(value for value in values if value not in void):
        held = f"colour: {quoted('#' + bytes(value[:3]).hex())}" if isinstance(value, tuple) else f"label: {value}"
        yield f"  class_{number}: {{{held}}} # {share(value, files, pixels, len(layout.found))}"
    if void:
        yield f"void_label: {VOID} # taken for void: {share(VOID, files, pixels, len(layout.found))}"


def share(value: Value, files: Mapping[Value, int], pixels: Mapping[Value, int], masks: int) -> str:
    """In how many masks a value is, and how many pixels have it."""
    return f"{files[value]} of {masks}, {100 * pixels[value] / max(1, sum(pixels.values())):.2f} %"


def quoted(text: str) -> str:
    """A string as YAML has it between single quotes."""
    return "'" + text.replace("'", "''") + "'"
