"""The classes of a data set: their names, and the labels or colours that stand for them in mask files."""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import PIL.ImageColor
import yaml

from fcnlab.data.spelling import on_disk
from fcnlab.error import UserError

Colour = tuple[int, int, int]
VOID_NAME = "void"  # a class of this name counts nowhere
KEYS = {  # the words that exporters use, by what they mean
    "name": ("name", "title", "class", "class_name"),
    "label": ("label", "labels", "id", "index", "value", "idx", "pixel_value", "class_id", "label_id", "category_id"),
    "colour": ("colour", "colours", "color", "colors", "rgb"),
}
PAINTED = re.compile(  # red, green and blue before a name, or behind it; then a label may be before it
    r"(?P<first>\d+[\s,]+\d+[\s,]+\d+)[\s,]+(?P<last>[^\d\s].*)"
    r"|(?:(?P<label>\d+)[\s,:]+)?(?P<name>[^\d\s].*?)[\s,]+(?P<colour>\d+[\s,]+\d+[\s,]+\d+)"
)
CHANNELS = (("r", "g", "b"), ("red", "green", "blue"))


class Row(NamedTuple):
    """One class as it was written down."""

    name: str
    labels: tuple[int, ...] = ()
    colours: tuple[Colour, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ClassList:
    """Classes in the order of the net's scores, and what counts nowhere.

    Args:
        names: one per class.
        labels: the labels in the files, one group per class; the position where none was written down.
        colours: likewise, where they were written down.
        written: whether they were.
        void_labels, void_colours: those of a class called void.
    """

    names: tuple[str, ...]
    labels: tuple[tuple[int, ...], ...]
    colours: tuple[tuple[Colour, ...], ...] | None = None
    written: bool = False
    void_labels: tuple[int, ...] = ()
    void_colours: tuple[Colour, ...] = ()

    @classmethod
    def of(cls, rows: Iterable[Row], source: str) -> "ClassList":
        """Collect rows; a class that stands in several of them, each with labels or colours, has them all."""
        rows = list(rows)
        names = [row.name for row in rows]
        marked = [bool(row.labels) for row in rows]
        if len(set(marked)) > 1:
            raise UserError(
                f"{source} gives a label to some classes and none to {names[marked.index(False)]}. Give one to each, "
                "or to none: then the labels are 0, 1, 2, ... in that order."
            )
        counted = Counter(names)
        if not names or any(not row.colours and not row.labels and counted[row.name] > 1 for row in rows):
            raise UserError(
                f"{source} lists {tuple(names) or 'nothing'}. It must hold one class name per line, none twice."
            )
        labels, colours = dict[str, list[int]](), dict[str, list[Colour]]()
        for position, row in enumerate(rows):
            labels.setdefault(row.name, []).extend(row.labels or (position,))
            colours.setdefault(row.name, []).extend(row.colours)
        twice = [
            label for label, times in Counter(one for some in labels.values() for one in some).items() if times > 1
        ]
        if twice:
            raise UserError(f"{source} gives label {twice[0]} twice. A label stands for one class.")
        void = {name for name in labels if name.lower() == VOID_NAME}
        kept = tuple(name for name in labels if name not in void)
        coloured = [name for name in kept if colours[name]]
        if coloured and len(coloured) < len(kept):
            without = next(name for name in kept if not colours[name])
            raise UserError(
                f"{source} gives a colour to some classes and none to {without}. Give one to each, or none."
            )
        return cls(
            names=kept,
            labels=tuple(tuple(labels[name]) for name in kept),
            colours=tuple(tuple(colours[name]) for name in kept) if coloured else None,
            written=any(marked),
            void_labels=tuple(label for name in void for label in labels[name]),
            void_colours=tuple(colour for name in void for colour in colours[name]),
        )


def read_classes(classes: Any, root: Path, layout: str) -> ClassList:
    """The classes from a file under ``root`` (.txt, .yaml, .json, .csv), or written out as such a file holds them."""
    if not isinstance(classes, str | Path):
        return ClassList.of(rows_of(classes, "data.classes"), "data.classes")
    path = on_disk(root / classes)
    if not path.is_file():
        raise UserError(
            f"There is no file {path} of class names. Expected {layout}. Set data.root=... and data.classes=..."
        )
    return ClassList.of(rows_of_file(path), str(path))


def rows_of_file(path: Path) -> Iterator[Row]:
    """The rows of a file of classes, by its suffix."""
    text, suffix = read_text(path), path.suffix.lower()
    if suffix == ".csv":
        return rows_of_table(text, str(path))
    if suffix not in (".yaml", ".yml", ".json"):
        lines = [line.strip() for line in text.split("\n")]
        return rows_of_lines([line for line in lines if line and not line.startswith("#")])
    try:  # every scalar as it is written: a class may be called no, or 1e3
        content = json.loads(text) if suffix == ".json" else yaml.BaseLoader(text).get_single_data()
    except (yaml.YAMLError, ValueError) as error:
        kind = suffix[1:].upper().replace("YML", "YAML")
        raise UserError(
            f"{path} is no {kind}: {error}. Write a list of class names, or one per line as .txt."
        ) from error
    if isinstance(content, Mapping) and isinstance(content.get("classes"), list | Mapping):
        content = content["classes"]  # as Supervisely and others export them
    return rows_of(content, str(path))


def rows_of_lines(lines: list[str]) -> Iterator[Row]:
    """A name per line; or all numbered, as ``0 road`` or ``0: road``: labels; or as CVAT's ``road:128,64,128::``.

    Or with colours, as CamVid's ``128 64 128 road`` and RUGD's ``0 road 128 64 128``.
    """
    painted = [found for line in lines if (found := PAINTED.fullmatch(line))]
    if lines and len(painted) == len(lines):
        return (
            Row(
                (found["name"] or found["last"]).strip(),
                labels=(int(found["label"]),) if found["label"] else (),
                colours=as_colours(found["colour"] or found["first"], found[0]),
            )
            for found in painted
        )
    coloured = [found for line in lines if (found := re.fullmatch(r"(.+?):(\d+,\d+,\d+)(:.*)?", line))]
    if lines and len(coloured) == len(lines):
        return (Row(found[1], colours=as_colours(found[2], found[0])) for found in coloured)
    numbered = [found for line in lines if (found := re.fullmatch(r"(\d+)(\s*[:,;=]\s*|\s+)(.*\S)", line))]
    counted = [int(found[1]) for found in numbered]
    marked = all(found[2].strip() for found in numbered)  # 5 won and 10 won are names, 5: won is none
    if (
        lines
        and len(counted) == len(lines)
        and (marked or counted in (list(range(len(lines))), list(range(1, len(lines) + 1))))
    ):
        return (Row(found[3], labels=(int(found[1]),)) for found in numbered)
    return map(Row, lines)


def rows_of(content: Any, source: str) -> Iterator[Row]:
    """Rows of a list of names or classes; or of a mapping from label to class, or from class to label."""
    if isinstance(content, list | tuple):
        for item in content:
            if isinstance(item, Mapping):
                yield described(item, source)
            elif str(item).strip():
                yield Row(as_name(item, source))
    elif isinstance(content, Mapping) and all(is_whole(key) for key in content):
        for key in sorted(content, key=int):
            item = content[key]
            row = described(item, source) if isinstance(item, Mapping) else Row(as_name(item, source))
            yield row._replace(labels=(int(key),))
    elif isinstance(content, Mapping):
        for key, item in content.items():
            name = as_name(key, source)
            if isinstance(item, Mapping):
                yield described({**item, "name": name}, source)
            elif is_whole(item):
                yield Row(name, labels=(int(item),))
            elif isinstance(item, str) and item.startswith("#"):
                yield Row(name, colours=as_colours(item, f"{source}, class {name}"))
            else:
                raise UserError(
                    f"{source} has {item!r} for class {name}. Write a label, as {name}: 1, or tell which is meant: "
                    f"{name}: {{label: [1, 2]}} or {name}: {{colour: [128, 0, 0]}}."
                )
    elif content:
        raise UserError(f"{source} holds {content!r}. Write a list of class names, or label: name for each class.")


def described(item: Mapping[str, Any], source: str) -> Row:
    """A class from a mapping with its name and, as they come, label and colour."""
    found = {
        meaning: next((item[word] for word in words if item.get(word) not in (None, "")), None)
        for meaning, words in KEYS.items()
    }
    if found["name"] is None:
        raise UserError(f"{source} has a class without a name: {dict(item)}. Give it one: name: ...")
    name = as_name(found["name"], source)
    colour = () if found["colour"] is None else as_colours(found["colour"], f"{source}, class {name}")
    label = found["label"]
    several = label if isinstance(label, list | tuple) else [] if label is None else [label]
    if wrong := [one for one in several if not is_whole(one)]:
        raise UserError(f"{source} has label {wrong[0]!r} for class {name}. A label is a whole number, 0 or more.")
    return Row(name, tuple(map(int, several)), colour)


def rows_of_table(text: str, source: str) -> Iterator[Row]:
    """Rows of a CSV with a header: name, r, g, b, as CamVid's class_dict.csv; or name, label. Others are not read."""
    first = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text), skipinitialspace=True, delimiter=max(",;\t", key=first.count))
    reader.fieldnames = [(field or "").strip().lower().replace(" ", "_") for field in reader.fieldnames or ()]
    channels = next((names for names in CHANNELS if {*names} <= {*reader.fieldnames}), None)
    if not {*KEYS["name"]} & {*reader.fieldnames}:
        raise UserError(f"{source} begins with {','.join(reader.fieldnames)!r}. Its first line must be name,r,g,b.")
    for line in reader:
        item = {key: (value or "").strip() for key, value in line.items() if key and isinstance(value, str | None)}
        if not any(item.values()):
            continue
        colour = {"colour": [item[one] for one in channels]} if channels else {}
        yield described({**item, **colour}, source)


def as_name(value: Any, source: str) -> str:
    """A class name. Raises UserError for what YAML has read as something else."""
    if isinstance(value, bool) or value is None or not isinstance(value, str | int | float) or not str(value).strip():
        raise UserError(f"{source} has {value!r} for the name of a class. Put names in quotes: '{value}'.")
    return str(value).strip()


def as_colours(value: Any, source: str) -> tuple[Colour, ...]:
    """One colour ([r, g, b], "r g b" or a word of CSS) or a list of them."""
    if isinstance(value, str):
        parts = re.findall(r"\d+", value) if re.fullmatch(r"[\s\d,()\[\]]+", value) else []
        try:
            return (as_colour(parts, source),) if parts else (PIL.ImageColor.getrgb(value.strip())[:3],)
        except ValueError as error:
            raise UserError(f"{source}: {value!r} is no colour. Write [128, 0, 0] or '#800000'.") from error
    if isinstance(value, list | tuple) and value and not is_whole(value[0]):
        return tuple(colour for one in value for colour in as_colours(one, source))
    return (as_colour(value, source),)


def as_colour(value: Any, source: str) -> Colour:
    """Red, green and blue."""
    numbers = [int(one) for one in value if is_whole(one)] if isinstance(value, list | tuple) else []
    if len(numbers) != 3 or len(value) != 3 or max(numbers) > 255:
        raise UserError(f"{source}: {value} is no colour. Write red, green and blue of 0 to 255: [128, 0, 0].")
    return numbers[0], numbers[1], numbers[2]


def is_whole(value: Any) -> bool:
    """Whether this is a whole number, 0 or more, or written like one."""
    return not isinstance(value, bool) and re.fullmatch(r"\d+", str(value).strip()) is not None


def read_text(path: Path) -> str:
    """A list that a person wrote, in UTF-8, with the mark before it that Windows' editors set or without."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is no text in UTF-8: {error}. Save it as UTF-8.") from error
