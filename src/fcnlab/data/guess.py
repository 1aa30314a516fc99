"""A guess at how a folder is to be read: the YAML of a data set, for a person to name classes."""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fcnlab.data.arrays import VOID
from fcnlab.data.class_list import ClassList, Colour, rows_of_file
from fcnlab.data.contents import in_order
from fcnlab.data.guess_annotations import guess_annotations
from fcnlab.data.guess_lines import SPLITS, fractions, listed, quoted
from fcnlab.data.guess_lists import guess_lists, unused_lists
from fcnlab.data.guess_pairs import Layout, guess_layout
from fcnlab.data.guess_rest import folder_names, nothing_found, unmasked, unread
from fcnlab.data.guess_splits import split_words
from fcnlab.data.guess_values import Seen, look_at, tolerance_for
from fcnlab.data.spelling import nfc
from fcnlab.error import UserError

CLASS_FILES = (".csv", ".json", ".yaml", ".yml", ".txt")
CLASS_WORDS = ("class", "label", "name", "colo", "palette", "legend", "categor", "codes")
LARGEST = 100_000  # bytes of a list of classes
SHOWN = 4  # colours in a comment
SOME, MANY = 8, 16  # masks and values, of which a few would tell nothing
SHEET = "survey.png"  # what the survey draws


class Classes(NamedTuple):
    """A file of classes in the folder."""

    file: str
    content: ClassList

    @property
    def colours(self) -> list[Colour]:
        """All that it tells, void's too."""
        return [*(one for group in self.content.colours or () for one in group), *self.content.void_colours]

    @property
    def labels(self) -> set[int]:
        """The same of labels."""
        return {*(label for group in self.content.labels for label in group), *self.content.void_labels}


def guess(root: Path, *, threads: int = 1) -> str:
    """The YAML that would read ``root``. Raises UserError where no images with masks or annotations are found."""
    if not root.is_dir():
        raise UserError(f"There is no folder data.root={root}. Give one with images and masks.")
    layout = guess_layout(root)
    if layout is None:
        if (lines := guess_annotations(root)) is None:
            raise nothing_found(root)
        return "\n".join([f"# A guess by fcnlab.survey at {root}.", *lines]) + "\n"
    masks = [mask for _, mask in layout.pairs.values()]
    files, seen = Counter[Any](), Seen()
    for one in in_order(lambda index: look_at(masks[index]), len(masks), threads=threads):
        seen.add(one)
        files.update([*one.labels, *one.colours])
    head = f"# A guess by fcnlab.survey at {root}, from {len(masks)} masks. Name the classes."
    start = [head, "defaults: [folder, _self_]", "name: folder", f"root: {quoted(str(root.resolve()))}"]
    return "\n".join([*start, *where(root, layout), *what(seen, files, len(masks), class_files(root))]) + "\n"


def where(root: Path, layout: Layout) -> Iterator[str]:
    """Lines about images, masks and splits. A folder, or a list, that holds two splits is shared out between them."""
    known = {*(name for _, name in layout.pairs), *(nfc(image.stem) for image, _ in layout.pairs.values())}
    lists = None if layout.spelled else guess_lists(root, known)
    spelled = lists.spelled if lists else {split: word for word, split in layout.spelled.items()}
    images, masks = [layout.images], [layout.masks]
    names = lists.names if lists else [name for split, name in layout.pairs if split == spelled.get("train", "")]
    shared: Sequence[Any] = []
    lines = list[str]()
    if not lists and ("train" not in spelled or len(spelled) < max(2, len(layout.spelled))):
        words = [*layout.spelled] or [""]
        images, masks = ([text.replace("{split}", word) for word in words] for text in (layout.images, layout.masks))
        names, shared = [name for _, name in layout.pairs], SPLITS
    else:
        called = {"train": spelled["train"]}
        called["test"] = spelled.get("test", spelled.get("val", ""))
        called["val"] = spelled["val"] if {"val", "test"} <= {*spelled} else called["train"]
        if called["val"] == called["train"]:
            shared = [split for split in SPLITS if called[split] == called["train"]]
        if other := {split: word for split, word in called.items() if split != word}:
            told = "" if {"val", "test"} <= {*spelled} else f" # there is no {'test' if 'val' in spelled else 'val'}"
            lines.append(f"splits: {{{', '.join(f'{a}: {quoted(b)}' for a, b in sorted(other.items()))}}}{told}")
    yield from (f"{key}: {listed(some)}" for key, some in (("images", images), ("masks", masks)))
    if lists:
        yield f"lists: {quoted(lists.folder)}"
    yield from lines
    if shared:
        yield from fractions(names, shared)
    if not lists and not layout.spelled and (alone := unused_lists(root)):
        what = "train.txt and val.txt or test.txt in one folder, or one .csv with a column split"
        yield f"# not read: {', '.join(alone[:SHOWN])}{', ...' * (len(alone) > SHOWN)}. data.lists needs {what}"
    if not lists and not layout.spelled and (words := split_words([name for _, name in layout.pairs])):
        yield f"# the names speak of {' and '.join(words)}, which is not followed: name the images of each in lists"
    if not lists and (bare := unmasked(root, layout)):
        yield f"unmasked: skip # {len(bare)} images have no mask, as {bare[0].name}"
    yield from (*folder_names(root, layout), *unread(root, layout))


def what(seen: Seen, files: Mapping[Any, int], masks: int, known: Sequence[Classes]) -> Iterator[str]:
    """Lines about labels, colours and classes."""
    if not seen.crisp and (seen.blurred or (seen.shades and not seen.groups[0])):
        why = "what is brighter is the second class"
        yield f"threshold: 127 # the masks hold {len(seen.colours)} shades, nearly all black or white: {why}"
        yield "classes: [class_0, class_1]"
        return
    values: list[Any] = sorted(seen.labels if seen.labelled else seen.colours)
    if len(values) == 1:
        only = values[0] if seen.labelled else hexadecimal(values[0])
        raise UserError(
            f"All {masks} masks hold nothing but {only}, so that no class can be told from another. Look whether the "
            "drawings were exported, or whether their transparency tells the classes: save that as a grey PNG."
        )
    for one, other in itertools.combinations(known, 2) if seen.labelled else ():
        if Path(one.file).name == Path(other.file).name and one.content.names != other.content.names:
            raise UserError(
                f"{one.file} and {other.file} name other classes: one label means two things. "
                "Draw all masks by one list of classes; data=labelme does so from the JSON files of LabelMe."
            )
    void = [one for one in values if seen.labelled and (one < 0 or (one == VOID and len(values) > 2))]
    fits = [one for one in known if seen.labelled and seen.crisp and {*values} - {*void} <= one.labels]
    if seen.palette or not fits:
        for one in known:
            near = tolerance_for(seen.colours, one.colours)
            if seen.labelled and not seen.palette and not {*seen.colours} <= {*one.colours}:
                continue  # labels, which are all near to black
            if near is not None and len(one.content.names) > 1:
                yield from [f"classes: {quoted(one.file)}", "colours: true"]
                if near[0]:
                    yield f"tolerance: {near[0]} # the colours are off by so much"
                if near[1]:
                    strays = ", ".join(map(hexadecimal, near[1][:SHOWN]))
                    yield f"void_label: rest # {strays}: in few pixels, and no class's. Leave this out to be told where"
                return
            if one.colours:
                missed = [colour for colour in seen.colours if colour not in one.colours]
                yield f"# {one.file} is of other masks: it has no {', '.join(map(hexadecimal, missed[:SHOWN]))}."
    told = values if seen.labelled else seen.groups[0] or values
    alone = [value for value in told if files[value] == 1]
    numbers = masks >= SOME and len(told) >= MANY and 4 * len(alone) >= 3 * len(told)
    if not fits and numbers and not (seen.labelled and values[-1] <= VOID):  # labels of 8 bits are told alone
        raise UserError(
            f"The {masks} masks hold {len(told)} values, of which {len(alone)} are in one mask alone: they seem to "
            "number objects (instances, panoptic), not classes. Save masks in which a value is one class in every file."
        )
    pixels: Mapping[Any, int] = seen.labels if seen.labelled else seen.colours
    if not seen.crisp:
        values, tolerance = seen.groups
        yield f"tolerance: {tolerance} # {len(seen.colours)} colours, so near to one of these"
    if fits:
        yield f"classes: {quoted(fits[0].file)} # the masks hold {listing(values)}: look whether {SHEET} names them so"
        if negative := [one for one in void if one < 0]:
            yield f"void_label: {negative[0] if len(negative) == 1 else negative} # taken for void"
        return
    if not seen.labelled or not seen.crisp:
        yield "colours: true"
    yield "classes: # in so many masks, so much of all pixels"
    total = max(1, sum(pixels.values()))
    shares = {value: f"{files[value]} of {masks}, {100 * pixels[value] / total:.2f} %" for value in values}
    for number, value in enumerate(value for value in values if value not in void):
        held = f"label: {value}" if isinstance(value, int) else f"colour: '{hexadecimal(value)}'"
        yield f"  class_{number}: {{{held}}} # {shares[value]}"
    counts = [files[value] for value in values if value not in void]
    fewer = len(counts) > SHOWN and 2 * counts[-1] <= counts[0] and counts == sorted(counts, reverse=True)
    if fewer or numbers:
        why = "Each is in no more masks than the one before" if fewer else "Most are in one mask alone"
        yield f"# {why}: look whether they count objects instead of classes."
    if void:
        taken = ", ".join(shares[one] for one in void)
        yield f"void_label: {void[0] if len(void) == 1 else void} # taken for void: {taken}"


def class_files(root: Path) -> list[Classes]:
    """The files of classes in a folder and in those directly within it."""
    found = []
    for path in sorted([*root.glob("*"), *root.glob("*/*")]):
        named = any(word in path.name.lower() for word in CLASS_WORDS)
        if not (named and path.suffix.lower() in CLASS_FILES and path.is_file() and path.stat().st_size <= LARGEST):
            continue
        try:
            content = ClassList.of(rows_of_file(path), str(path))
        except UserError:
            continue
        found.append(Classes(path.relative_to(root).as_posix(), content))
    return found


def listing(values: Sequence[int]) -> str:
    """A few labels, or the first and the last of many."""
    return ", ".join(map(str, values)) if len(values) <= 2 * SHOWN else f"{values[0]} to {values[-1]}"


def hexadecimal(colour: Colour) -> str:
    """A colour as #rrggbb."""
    return f"#{bytes(colour).hex()}"
