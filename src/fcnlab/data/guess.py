"""A guess at how a folder is to be read: the YAML of a data set, for a person to name classes."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fcnlab.data.arrays import VOID
from fcnlab.data.class_list import ClassList, Colour, rows_of_file
from fcnlab.data.contents import in_order
from fcnlab.data.guess_annotations import guess_annotations
from fcnlab.data.guess_lines import SPLITS, fractions, listed, quoted
from fcnlab.data.guess_pairs import Layout, guess_layout, image_files, split_of
from fcnlab.data.guess_values import MOST, Seen, look_at, tolerance_for
from fcnlab.error import UserError

CLASS_FILES = (".csv", ".json", ".yaml", ".yml", ".txt")
CLASS_WORDS = ("class", "label", "name", "colo", "palette", "legend")
LARGEST = 100_000  # bytes of a list of classes
SHOWN = 4  # colours in a comment


class Classes(NamedTuple):
    """A file of classes in the folder."""

    file: str
    content: ClassList

    @property
    def colours(self) -> list[Colour]:
        """All that it tells, void's too."""
        return [*(one for group in self.content.colours or () for one in group), *self.content.void_colours]


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
    return "\n".join([*start, *where(layout), *what(seen, files, len(masks), class_files(root))]) + "\n"


def nothing_found(root: Path) -> UserError:
    """An error that tells what was looked at."""
    kinds = ", ".join(
        f"{'/'.join(folder) or '.'}/ ({len(images)} images)" for folder, images in image_files(root).items()
    )
    return UserError(
        f"Found no images with masks of the same names under {root}, and no annotations of COCO, LabelMe or YOLO: "
        f"{kinds or 'no image file at all'}. A mask is a file with at most {MOST} labels or colours, or nearly all "
        "black and white. Write data.images and data.masks yourself."
    )


def where(layout: Layout) -> Iterator[str]:
    """Lines about images, masks and splits. A folder that holds two splits is shared out between them."""
    spelled = {split_of(word): word for word in layout.spelled}
    images, masks = [layout.images], [layout.masks]
    shared: Sequence[Any] = []
    lines = list[str]()
    if layout.spelled and ("train" not in spelled or len(spelled) < max(2, len(layout.spelled))):
        images, masks = (
            [text.replace("{split}", word) for word in layout.spelled] for text in (layout.images, layout.masks)
        )
        shared = SPLITS
    elif layout.spelled:
        called = {"train": spelled["train"]}
        called["test"] = spelled.get("test", spelled.get("val", ""))
        called["val"] = spelled["val"] if {"val", "test"} <= {*spelled} else called["train"]
        shared = (
            [split for split in SPLITS if called[split] == called["train"]] if called["val"] == called["train"] else []
        )
        if other := {split: word for split, word in called.items() if split != word}:
            told = "" if {"val", "test"} <= {*spelled} else f" # there is no {'test' if 'val' in spelled else 'val'}"
            lines.append(f"splits: {{{', '.join(f'{a}: {b}' for a, b in sorted(other.items()))}}}{told}")
    else:
        shared = SPLITS
    yield from (f"{key}: {listed(some)}" for key, some in (("images", images), ("masks", masks)))
    yield from lines
    if shared:
        names = [name for split, name in layout.pairs if len(shared) == len(SPLITS) or split == spelled["train"]]
        yield from fractions(names, shared)


def what(seen: Seen, files: Mapping[Any, int], masks: int, known: Sequence[Classes]) -> Iterator[str]:
    """Lines about labels, colours and classes."""
    if not seen.crisp and seen.shades and not seen.groups[0]:
        why = "what is brighter is the second class"
        yield f"threshold: 127 # the masks hold {len(seen.colours)} shades, nearly all black or white: {why}"
        yield "classes: [class_0, class_1]"
        return
    if seen.palette or not seen.labelled:
        for one in known:
            near = tolerance_for(seen.colours, one.colours)
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
    values: list[Any] = sorted(seen.labels if seen.labelled else seen.colours)
    pixels: Mapping[Any, int] = seen.labels if seen.labelled else seen.colours
    if not seen.crisp:
        values, tolerance = seen.groups
        yield f"tolerance: {tolerance} # {len(seen.colours)} colours, so near to one of these"
    void = [VOID] if seen.labelled and VOID in values and len(values) > 2 else []
    if seen.labelled and seen.crisp:
        for one in known:
            if {*values} - {*void} <= {label for group in one.content.labels for label in group} and len(values) > 1:
                yield f"classes: {quoted(one.file)}"
                return
    if not seen.labelled or not seen.crisp:
        yield "colours: true"
    yield "classes: # in so many masks, so much of all pixels"
    total = max(1, sum(pixels.values()))
    shares = {value: f"{files[value]} of {masks}, {100 * pixels[value] / total:.2f} %" for value in values}
    for number, value in enumerate(value for value in values if value not in void):
        held = f"label: {value}" if isinstance(value, int) else f"colour: '{hexadecimal(value)}'"
        yield f"  class_{number}: {{{held}}} # {shares[value]}"
    if void:
        yield f"void_label: {VOID} # taken for void: {shares[VOID]}"


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


def hexadecimal(colour: Colour) -> str:
    """A colour as #rrggbb."""
    return f"#{bytes(colour).hex()}"
