"""What data.labels, data.colours and data.void_label say: groups of labels and colours, checked against the classes."""

from collections.abc import Mapping
from typing import Any

from fcnlab.data.class_list import VOID_NAME, ClassList, Colour, as_colours, is_whole
from fcnlab.data.colours import Groups
from fcnlab.data.masks import HIGHEST, LOWEST
from fcnlab.data.samples import VOID
from fcnlab.error import UserError, nearest

REST = "rest"
RANGE = f"Labels in files are whole numbers, 0 to {HIGHEST}"
SHOWN = 12  # classes in a message


def label_groups(labels: Any, classes: ClassList, shift: int) -> tuple[tuple[tuple[int, ...], ...], set[int]]:
    """The labels of each class, and those that are void."""
    names = classes.names
    if labels is None:
        return classes.labels, {label - shift for label in classes.void_labels if label >= shift}
    if isinstance(labels, Mapping):
        groups: dict[str, list[int]] = {name: [] for name in (*names, VOID_NAME)}
        for label, name in labels.items():
            if str(name) not in groups:
                raise UserError(
                    f"data.labels has {label}: {name}, but must map labels to classes. {nearest(str(name), groups)}"
                )
            if not is_whole(str(label).strip().removeprefix("-" if name == VOID_NAME else "")):
                raise UserError(f"data.labels has {label}: {name}. {RANGE}, negative ones void.")
            groups[str(name)].append(int(label))
        void = set(groups.pop(VOID_NAME)) if VOID_NAME not in names else set()
        given = list(groups.values())
    else:
        given, void = [[one] if not isinstance(one, list | tuple) else list(one) for one in labels], set()
    flat = [label for group in given for label in group]
    if len(given) != len(names) or not all(given):
        raise UserError(
            f"data.labels={labels} must give a label or more to each of {len(names)} classes: "
            f"{', '.join(names[:SHOWN])}."
        )
    if wrong := [one for one in flat if type(one) is not int or not 0 <= one <= 65535]:
        raise UserError(f"data.labels has {wrong[0]!r}. {RANGE}.")
    if twice := sorted({one for one in flat if flat.count(one) > 1}):
        raise UserError(f"data.labels gives label {twice[0]} to two classes. A label stands for one class.")
    return tuple(tuple(group) for group in given), void


def colour_groups(colours: Any, classes: ClassList) -> Groups:
    """The colours of each class."""
    names = classes.names
    if colours is True:
        if classes.colours is None:
            raise UserError(
                "data.colours=true, but data.classes says no colours. Give them: data.colours=['#000000','#ff0000',"
                "...], one per class, or a class_dict.csv with name,r,g,b."
            )
        return classes.colours
    if not isinstance(colours, list | tuple) or len(colours) != len(names):
        raise UserError(
            f"data.colours={colours} must give a colour, or a list of them, to each of {len(names)} classes: "
            f"{', '.join(names[:SHOWN])}."
        )
    return tuple(as_colours(one, "data.colours") for one in colours)


def split_void(void: Any) -> tuple[set[int], list[Colour], bool]:
    """Labels and colours that are void, and whether the rest is."""
    if void in (None, REST):
        return set(), [], void == REST
    several = void if isinstance(void, list | tuple) else [void]
    labels, colours, rest = set[int](), list[Colour](), False
    for one in several:
        if one == REST:
            rest = True
        elif isinstance(one, list | tuple | str) and not is_whole(one):
            colours += as_colours(one, "data.void_label")
        elif type(one) is not int or not (LOWEST <= one <= VOID or one == HIGHEST):
            raise UserError(
                f"data.void_label={one} is no label of masks: 0 to 255, {HIGHEST} in those of 16 bits, {LOWEST} to -1 "
                "where there are signs. A colour is written as '#000000', everything that no class has as rest."
            )
        else:
            labels.add(one)
    return labels, colours, rest
