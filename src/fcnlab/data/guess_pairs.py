"""Which files of a folder are images and which are their masks, for a guess: the pairing that explains most files."""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from string import ascii_letters
from typing import NamedTuple

from fcnlab.data.guess_files import Folder, image_files
from fcnlab.data.guess_splits import WORD, Key, common, literal, split_in_names, split_of
from fcnlab.data.guess_values import fit, mask_like, one_area, two_coloured
from fcnlab.data.images import IMAGE_SUFFIXES

BORDER = "_-. "
LOOKED_AT = 8  # masks of a folder, to tell its kind
TRIED = 40  # ways of naming that are tried for two folders
FEW = 40  # folders of which every two are compared
PREFERRED = ("mask", "label", "annot", "gt", "seg", "semantic")
AVOIDED = ("pred", "inst", "panop", "color", "colour", "vis", "viz", "result")
PHOTOS, NO_PHOTOS = ("image", "img", "photo", "rgb"), ("mask", "label", "annot", "overlay", "depth", "ndvi")
DEEP = 3  # parts of paths in which folders that are alike may differ
NOISE = 10  # files of which one pair may fit by accident


class Pairing(NamedTuple):
    """Images with their masks, and what is before and behind the name that they share."""

    folders: tuple[Folder, Folder]
    affixes: tuple[str, str, str, str]  # before and behind an image's name, before and behind its mask's
    pairs: dict[Key, tuple[Path, Path]]


class Layout(NamedTuple):
    """Templates of images and masks, the splits by what paths call them, and the files by the same."""

    images: str
    masks: str
    spelled: dict[str, str]
    pairs: dict[Key, tuple[Path, Path]]


def guess_layout(root: Path) -> Layout | None:
    """Which folder, and which names in it, hold masks of which images; None where there are none."""
    folders = image_files(root)
    kinds = dict[Path, int]()
    best = max(candidates(folders), key=lambda one: rank(one, kinds), default=None)
    files = {path: split for some in folders.values() for (split, _), path in some.items()}
    if best is None or rank(best, kinds)[0] == 0 or len(best.pairs) == 1 < NOISE < len(files):
        return None
    called = {split: common(split, files[mask] or split) for (split, _), (_, mask) in best.pairs.items()}
    pairs = {(called[split], name.replace("{split}", split)): pair for (split, name), pair in best.pairs.items()}
    spelled = {word: str(split_of(split)) for split, word in called.items() if split}
    name = "{name}"
    if not spelled and not fields_of(best.folders[0]) and (told := split_in_names([n for _, n in pairs])):
        name, keys = told
        pairs = dict(zip(keys, pairs.values(), strict=True))
        spelled = {word: str(split_of(WORD.findall(word)[0])) for word, _ in keys}
    before, behind, mask_before, mask_behind = best.affixes
    images = template(best.folders[0], before, name, behind, (image for image, _ in pairs.values()))
    masks = template(best.folders[1], mask_before, name, mask_behind, (mask for _, mask in pairs.values()))
    return Layout(images, masks, spelled, pairs)


def template(folder: Folder, before: str, name: str, behind: str, paths: Iterable[Path]) -> str:
    """How files of a folder are named, which may be by a folder of their own."""
    parts = folder.parts if "{name}" in folder.parts else (*folder.parts, "{name}")
    return "/".join(parts).replace("{name}", f"{literal(before)}{name}{literal(behind)}") + one_suffix(paths)


def respelled(masks: Mapping[Key, Path], images: Mapping[Key, Path]) -> Mapping[Key, Path]:
    """Masks by the words that images have for their splits, where these are alike: training for train.

    Masks that lie together are those of every split.
    """
    if {word for word, _ in masks} == {""}:
        return {(word, name): path for (_, name), path in masks.items() for word in {word for word, _ in images}}
    words = {split_of(word): word for word, _ in images}
    own = {word for word, _ in images}
    called = {
        word: words[split]
        for word in {word for word, _ in masks} - own
        if (split := split_of(word)) in words and common(word, words[split]) != "*"
    }
    return {(called.get(word, word), name): path for (word, name), path in masks.items()} if called else masks


def candidates(folders: Mapping[Folder, Mapping[Key, Path]]) -> Iterator[Pairing]:
    """Every way in which files of one folder name files of another; those of many folders alike are one way."""
    alike = defaultdict[tuple[tuple[Folder, Folder], tuple[str, str, str, str]], dict[str, Pairing]](dict)
    for one, other in compared([*folders]):
        images, masks = folders[one], folders[other]
        if {word for word, _ in images} == {""}:  # the masks tell the split
            images = respelled(images, masks)
        for affixes, pairs in named_alike(images, respelled(masks, images)):
            pairing = Pairing((one, other), affixes, pairs)
            yield pairing
            both = [part for part in dict.fromkeys(one.parts) if part in other.parts and "{" not in part]
            for number in range(1, DEEP + 1):
                for parts in itertools.combinations(both, number):
                    alike[(without(one, parts), without(other, parts)), affixes]["_".join(parts)] = pairing
    for (general, affixes), members in sorted(alike.items(), key=lambda item: fields_of(item[0][0][0])):
        if len(members) > 1:
            joined = {
                (split, f"{part}_{name}"): pair
                for part, member in members.items()
                for (split, name), pair in member.pairs.items()
            }
            yield Pairing(general, affixes, joined)


def without(folder: Folder, parts: Sequence[str]) -> Folder:
    """A folder of many that are alike but for some parts of their paths."""
    called = {part: f"{{folder{f'_{number}' * (number > 1)}}}" for number, part in enumerate(parts, start=1)}
    return folder._replace(parts=tuple(called.get(part, part) for part in folder.parts))


def fields_of(folder: Folder) -> int:
    """How many parts of a folder's path differ."""
    return sum(part.startswith("{folder") for part in folder.parts)


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
    tried = {("", "", "", "")}
    for split in {split for split, _ in images} & {split for split, _ in masks}:
        names, drawn = ([name for spelled, name in some if spelled == split] for some in (images, masks))
        # not all have a partner: several are tried, of either side
        tried.update(affixes for first in ends(names) for name in drawn for affixes in affixes_of(first, name))
        tried.update(affixes for last in ends(drawn) for name in names for affixes in affixes_of(name, last))
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
        images_of, masks_of = ({*paths} for paths in zip(*pairs.values(), strict=True)) if pairs else (set(), set())
        if pairs and not images_of & masks_of and len(images_of) == len(masks_of) == len(pairs):
            yield affixes, pairs


def ends(names: Sequence[str]) -> set[str]:
    """The first, the middle and the last of some names."""
    return {names[0], names[len(names) // 2], names[-1]}


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


def rank(pairing: Pairing, kinds: dict[Path, int]) -> tuple[int, bool, bool, int, bool, int, int, int]:
    """How likely these are images with their masks: few values in masks, many files, many values in images.

    Masks of other sizes, and those that are alike for all images, as a camera's field of view, come after others.
    """
    pairs = [*pairing.pairs.values()]
    some = pairs[:: max(1, len(pairs) // LOOKED_AT)][:LOOKED_AT]
    kind = min(kind_of(mask, kinds) for _, mask in some)
    image, mask = (
        " ".join(part for part in one.parts if part not in other.parts).lower()
        for one, other in (pairing.folders, pairing.folders[::-1])
    )
    liked = liking(mask, PREFERRED, AVOIDED) + liking(image, PHOTOS, NO_PHOTOS)
    named = liking(" ".join(pairing.affixes[2:]).lower(), PREFERRED, AVOIDED)
    photos = kind > 0 and not all(kind_of(image, kinds) for image, _ in some)
    if kind > 0 and not photos and all(two_coloured(image) for image, _ in some):
        kind = 0  # masks of other classes
    sizes = kind > 0 and all(fit(*pair) for pair in some)
    varied = kind > 0 and not one_area([mask for _, mask in some])
    return kind, sizes, varied, len(pairs), photos, liked, named, -sum(map(len, pairing.affixes))


def liking(words: str, preferred: Sequence[str], avoided: Sequence[str]) -> int:
    """How much words tell for something."""
    return sum(word in words for word in preferred) - 2 * sum(word in words for word in avoided)


def kind_of(path: Path, known: dict[Path, int]) -> int:
    """``mask_like``, once per file."""
    if path not in known:
        known[path] = mask_like(path)
    return known[path]


def one_suffix(paths: Iterable[Path]) -> str:
    """The suffix that all files have, or the template's word for any."""
    suffixes = {path.suffix for path in paths}
    return suffixes.pop() if len(suffixes) == 1 else ".*"
