"""Which files of a folder are images and which are their masks, for a guess: the pairing that explains most files."""

import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from string import ascii_letters
from typing import NamedTuple

from fcnlab.data.guess_values import mask_like, two_coloured
from fcnlab.data.images import IMAGE_SUFFIXES, MASK_SUFFIXES
from fcnlab.data.layout import folders
from fcnlab.data.spelling import nfc

SPLIT_NAMES = {
    "train": ("train", "training", "trn"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing", "tst"),
}
WORD = re.compile(r"[A-Za-z]+")
BORDER = "_-. "
LOOKED_AT = 8  # masks of a folder, to tell its kind
TRIED = 40  # ways of naming that are tried for two folders
FEW = 40  # folders of which every two are compared
PREFERRED, AVOIDED = ("mask", "label", "annot", "gt", "seg"), ("pred", "inst", "color", "colour", "vis", "result")

Key = tuple[str, str]  # the spelling of a split, and a name


class Folder(NamedTuple):
    """A folder, with {split} for a split's name; of its files those of one suffix, where others have the same names."""

    parts: tuple[str, ...]
    suffix: str = ""


class Pairing(NamedTuple):
    """Images with their masks, and what is before and behind the name that they share."""

    folders: tuple[Folder, Folder]
    affixes: tuple[str, str, str, str]  # before and behind an image's name, before and behind its mask's
    pairs: dict[Key, tuple[Path, Path]]


class Layout(NamedTuple):
    """Templates of images and masks, the folders' names of the splits, and the files by spelling of the split."""

    images: str
    masks: str
    spelled: tuple[str, ...]
    pairs: dict[Key, tuple[Path, Path]]


def guess_layout(root: Path) -> Layout | None:
    """Which folder, and which names in it, hold masks of which images; None where there are none."""
    folders = image_files(root)
    kinds = dict[Path, int]()
    best = max(candidates(folders), key=lambda one: rank(one, kinds), default=None)
    if best is None or rank(best, kinds)[0] == 0:
        return None
    ends = [one_suffix(pair[side] for pair in best.pairs.values()) for side in (0, 1)]
    before, behind, mask_before, mask_behind = best.affixes
    images = "/".join([*best.folders[0].parts, f"{literal(before)}{{name}}{literal(behind)}{ends[0]}"])
    masks = "/".join([*best.folders[1].parts, f"{literal(mask_before)}{{name}}{literal(mask_behind)}{ends[1]}"])
    return Layout(images, masks, tuple(dict.fromkeys(split for split, _ in best.pairs if split)), best.pairs)


def image_files(root: Path) -> dict[Folder, dict[Key, Path]]:
    """The files of images and masks under a folder, by folder, spelling of the split, and name."""
    found = defaultdict[tuple[str, ...], dict[Key, list[Path]]](lambda: defaultdict(list))
    for folder, _ in folders(root):
        parts = tuple(nfc(part) for part in folder.relative_to(root).parts)
        spelled = next((word for part in parts[::-1] for word in WORD.findall(part) if split_of(word)), "")
        named = tuple(
            re.sub(rf"(?<![A-Za-z]){spelled or '$'}(?![A-Za-z])", "{split}" if spelled else "", literal(part))
            for part in parts
        )
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() in MASK_SUFFIXES and not path.name.startswith("."):
                found[named][spelled, nfc(path.stem)].append(path)
    views = defaultdict[Folder, dict[Key, Path]](dict)
    for parts, files in found.items():
        doubled = any(len(paths) > 1 for paths in files.values())
        for key, paths in files.items():
            for path in paths:
                views[Folder(parts, path.suffix.lower() if doubled else "")][key] = path
    return dict(views)


def literal(text: str) -> str:
    """A part of a path as a template has it: braces would be a field."""
    return re.sub(r"[{}]", "?", text)


def split_of(word: str) -> str | None:
    """The split that a word means."""
    return next((split for split, words in SPLIT_NAMES.items() if word.lower() in words), None)


def candidates(folders: Mapping[Folder, Mapping[Key, Path]]) -> Iterator[Pairing]:
    """Every way in which files of one folder name files of another; those of many folders alike are one way."""
    alike = defaultdict[tuple[tuple[Folder, Folder], tuple[str, str, str, str]], dict[str, Pairing]](dict)
    for one, other in compared([*folders]):
        for affixes, pairs in named_alike(folders[one], folders[other]):
            pairing = Pairing((one, other), affixes, pairs)
            yield pairing
            for part in {*one.parts} & {*other.parts}:
                if "{" not in part:
                    alike[(without(one, part), without(other, part)), affixes][part] = pairing
    for (general, affixes), members in alike.items():
        if len(members) > 1:
            joined = {
                (split, f"{part}_{name}"): pair
                for part, member in members.items()
                for (split, name), pair in member.pairs.items()
            }
            yield Pairing(general, affixes, joined)


def without(folder: Folder, part: str) -> Folder:
    """A folder of many that are alike but for one part of their paths."""
    return folder._replace(parts=tuple("{folder}" if it == part else it for it in folder.parts))


def compared(folders: Sequence[Folder]) -> Iterator[tuple[Folder, Folder]]:
    """Which folders may hold images and masks of each other: of many, those that differ in one part."""
    if len(folders) <= FEW:
        yield from itertools.product(folders, folders)
        return
    near = defaultdict[tuple[str | None, ...], list[Folder]](list)
    for folder in folders:
        for position in range(len(folder.parts)):
            near[(*folder.parts[:position], None, *folder.parts[position + 1 :])].append(folder)
    close = {folder: {folder} for folder in folders}
    for some in near.values():
        if len(some) <= FEW:
            for folder in some:
                close[folder].update(some)
    for folder in folders:
        yield from ((folder, other) for other in sorted(close[folder]))


def named_alike(
    images: Mapping[Key, Path], masks: Mapping[Key, Path]
) -> Iterator[tuple[tuple[str, str, str, str], dict[Key, tuple[Path, Path]]]]:
    """Pairs of files by what their names have before and behind what they share."""
    tried = set[tuple[str, str, str, str]]()
    for split in {split for split, _ in images} & {split for split, _ in masks}:
        first = next(name for spelled, name in images if spelled == split)
        for spelled, name in masks:
            if spelled == split:
                tried.update(affixes_of(first, name))
                if images is masks:  # the first file there may be a mask
                    tried.update(affixes_of(name, first))
    for affixes in sorted(tried, key=lambda some: (sum(map(len, some)), some))[:TRIED]:
        before, behind, mask_before, mask_behind = affixes
        pairs = dict[Key, tuple[Path, Path]]()
        for (split, stem), image in images.items():
            name = stem.removeprefix(before).removesuffix(behind)
            mask = masks.get((split, f"{mask_before}{name}{mask_behind}"))
            if image.suffix.lower() not in IMAGE_SUFFIXES:
                continue
            if mask is not None and mask != image and name and f"{before}{name}{behind}" == stem:
                pairs[split, name] = (image, mask)
        if pairs and not {mask for _, mask in pairs.values()} & {image for image, _ in pairs.values()}:
            yield affixes, pairs


def affixes_of(image: str, mask: str) -> Iterator[tuple[str, str, str, str]]:
    """What two names have before and behind a part that they share: photo_1 and photo_1_mask, img_1 and mask_1."""
    head = next((n for n, (a, b) in enumerate(zip(image, mask, strict=False)) if a != b), min(len(image), len(mask)))
    tail = next((n for n, (a, b) in enumerate(zip(image[::-1], mask[::-1], strict=False)) if a != b), head)
    shared = [image[:head], image[len(image) - tail :]]
    if image[head : head + 1].isalpha() or mask[head : head + 1].isalpha():  # a word is shared whole or not at all
        shared[0] = shared[0].rstrip(ascii_letters)
    if image[: len(image) - tail][-1:].isalpha() or mask[: len(mask) - tail][-1:].isalpha():
        shared[1] = shared[1].lstrip(ascii_letters)
    shared = [part.strip(BORDER) for part in shared]
    for part in {part for part in shared if any(map(str.isdigit, part))} | {image, mask}:
        before, found, behind = image.partition(part)
        mask_before, mask_found, mask_behind = mask.partition(part)
        ends = (
            (before[-1:], part[:1]),
            (part[-1:], behind[:1]),
            (mask_before[-1:], part[:1]),
            (part[-1:], mask_behind[:1]),
        )
        if found and mask_found and not any(a.isdigit() and b.isdigit() for a, b in ends):  # 1 is no part of 10
            yield before, behind, mask_before, mask_behind


def rank(pairing: Pairing, kinds: dict[Path, int]) -> tuple[int, int, bool, int, int]:
    """How likely these are images with their masks: few values in masks, many files, many values in images."""
    pairs = [*pairing.pairs.values()]
    some = pairs[:: max(1, len(pairs) // LOOKED_AT)][:LOOKED_AT]
    kind = min(kind_of(mask, kinds) for _, mask in some)
    words = " ".join([*pairing.folders[1].parts, *pairing.affixes[2:]]).lower()
    liked = sum(word in words for word in PREFERRED) - 2 * sum(word in words for word in AVOIDED)
    photos = kind > 0 and not all(kind_of(image, kinds) for image, _ in some)
    if kind > 0 and not photos and all(two_coloured(image) for image, _ in some):
        kind = 0  # masks of other classes
    return kind, len(pairs), photos, liked, -sum(map(len, pairing.affixes))


def kind_of(path: Path, known: dict[Path, int]) -> int:
    """``mask_like``, once per file."""
    if path not in known:
        known[path] = mask_like(path)
    return known[path]


def one_suffix(paths: Iterable[Path]) -> str:
    """The suffix that all files have, or the template's word for any."""
    suffixes = {path.suffix for path in paths}
    return suffixes.pop() if len(suffixes) == 1 else ".*"
