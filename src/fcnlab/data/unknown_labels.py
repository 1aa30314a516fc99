"""What to type where masks hold labels or colours that are no class: an error with the hint that fits."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fcnlab.data.colours import HINTED, UNKNOWN, describe_colours, packed
from fcnlab.data.masks import Stored
from fcnlab.data.samples import VOID
from fcnlab.error import UserError

if TYPE_CHECKING:
    from fcnlab.data.labels import Labels

SHOWN = 12  # labels or colours in a message


def unknown(
    labels: "Labels",
    raw: Stored,
    where: np.ndarray[Any, np.dtype[np.bool_]],
    path: Path,
    others: Callable[[], set[int]],
) -> UserError:
    """An error about labels or colours of no class."""
    if raw.ndim == 3:
        colour = tuple(map(int, raw[where][0]))
        return UserError(
            f"Mask {path} has colour {colour}, which is no class's{near(labels, colour)}. Known: "
            f"{describe_known(labels)}. It holds {describe_colours(raw)}{strangers(labels, raw)}. Name the colour's "
            "class, or take it for void: data.void_label=rest."
        )
    values = sorted({*np.unique(raw).tolist(), *others()})
    return UserError(
        f"Mask {path} has label {raw[where].max()}. Known labels are {describe_labels(labels)} for "
        f"{len(labels.names)} classes, and {describe_void(labels)} for void. {hint(labels, values)}"
    )


def hint(labels: "Labels", values: Sequence[int]) -> str:
    """What to type for masks that hold these labels."""
    held = [value for value in values if labels.table[value] != VOID]
    count, classes = len(held), len(labels.names)
    if not labels.told and count == classes:
        return f"The masks hold {listed(held)}: {count} values for {classes} classes: data.labels={as_yaml(held)}."
    if not labels.told and VOID in values and count == classes - 1:
        return f"The masks hold {listed([*held, VOID])}. If 255 is a class: data.labels={as_yaml([*held, VOID])}."
    if held and max(held) == classes and not labels.shift:
        return f"The masks hold {listed(held)}. If 0 is void and 1 the first class: data.shift=-1."
    return f"The masks hold {listed(values)}. Mend the mask or name its class, or say data.labels=[...]."


def strangers(labels: "Labels", raw: Stored) -> str:
    """How many of a mask's colours are known, where most are not: then the classes are of other masks."""
    codes = np.unique(packed(raw))
    known = int((labels.colour_table[codes] != UNKNOWN).sum())
    if 2 * known > len(codes):
        return ""
    return f"; {known or 'none'} of them known, so that the classes seem to be those of other masks"


def near(labels: "Labels", colour: tuple[int, ...]) -> str:
    """The tolerance that would do, where a class's colour is near."""
    away = [
        (max(abs(a - b) for a, b in zip(colour, one, strict=True)), name)
        for name, group in zip(labels.names, labels.colours or (), strict=True)
        for one in group
    ]
    distance, name = min(away)
    if distance > HINTED:
        return ""
    return f", but {distance} from that of {name}: data.tolerance={distance} takes it"


def describe_known(labels: "Labels") -> str:
    """The first classes with their colours."""
    some = list(zip(labels.names, labels.colours or (), strict=True))[:SHOWN]
    return ", ".join(f"{name} {group[0]}" for name, group in some)


def describe_labels(labels: "Labels") -> str:
    """The labels that are known, in the file's own counting."""
    known = sorted(label - labels.shift for group in labels.groups for label in group)
    if known == list(range(known[0], known[0] + len(known))):
        return f"{known[0]} to {known[-1]}"
    return listed(known)


def describe_void(labels: "Labels") -> str:
    """The labels that are void."""
    return listed(sorted(labels.void)) or "none"


def listed(values: Sequence[int]) -> str:
    """The first few of some labels."""
    return ", ".join(map(str, values[:SHOWN])) + (", ..." if len(values) > SHOWN else "")


def as_yaml(labels: Sequence[int]) -> str:
    """Labels as a setting."""
    return f"[{','.join(map(str, labels))}]"
