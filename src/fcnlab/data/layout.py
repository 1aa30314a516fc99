"""Where the files of a data set lie: templates like ``{split}/img/{name}.jpg``, looked up on the disk."""

import glob
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from fcnlab.data.images import IMAGE_SUFFIXES, MASK_SUFFIXES
from fcnlab.data.spelling import nfc, on_disk
from fcnlab.error import UserError

LEFT = ("__MACOSX", "@eaDir")  # what macOS and Synology add to folders
TOKEN = re.compile(r"\{(?P<field>[a-z_]\w*)\}|(?P<deep>\*\*/)|(?P<many>\*)|(?P<one>\?)|(?P<literal>.)", re.DOTALL)
SPLIT, NAME, ANY_SUFFIX = "split", "name", ".*"
SHOWN = 3  # names in a message


class Found(NamedTuple):
    """A file and what its path says.

    Args:
        name: of the image, behind what else its path says: ``{city}/{name}.png`` gives city_name.
    """

    path: Path
    fields: dict[str, str]
    name: str


@dataclass(frozen=True)
class Template:
    """A path under a root with ``{name}``, ``{split}`` and fields of one's own, and with ``*``, ``**/`` and ``?``.

    ``.*`` at its end is any suffix of images, of masks .gif and .npy besides.
    Hidden files are left alone. Paths are compared in Unicode's form NFC.
    """

    text: str
    setting: str

    def __post_init__(self) -> None:
        if not isinstance(self.text, str) or f"{{{NAME}}}" not in self.text:
            raise UserError(
                f"data.{self.setting}={self.text} has no {{name}}. Write where the files lie, seen from data.root: "
                f"'{self.setting}/{{name}}.*', or '{{split}}/img/{{name}}.jpg'."
            )

    @property
    def has_split(self) -> bool:
        """Whether the path tells the split."""
        return f"{{{SPLIT}}}" in self.text

    @property
    def fields(self) -> set[str]:
        """What a path tells of its image."""
        return {token["field"] for token in TOKEN.finditer(self.text) if token["field"]}

    @property
    def suffixes(self) -> tuple[str, ...]:
        """What ``.*`` stands for."""
        return MASK_SUFFIXES if self.setting == "masks" else IMAGE_SUFFIXES

    def base(self, root: Path, split: str) -> Path:
        """The folder under which all its files lie."""
        fixed = list[str]()
        for part in PurePosixPath(self.filled(split)).parts[:-1]:
            if re.search(r"[{}*?]", part):
                break
            fixed.append(part)
        return on_disk(root.joinpath(*fixed))

    def filled(self, split: str) -> str:
        """The template of one split, in NFC."""
        return nfc(self.text.replace(f"{{{SPLIT}}}", split))

    def find(
        self, root: Path, split: str = "", without: Collection[Path] = ()
    ) -> dict[tuple[tuple[str, str], ...], Found]:
        """The files that fit, sorted, by what their paths say, but those of ``without``.

        Raises UserError where two say the same.
        """
        base, text = self.base(root, split), self.filled(split)
        inner = PurePosixPath(text).parts[len(PurePosixPath(base).parts) - len(PurePosixPath(root).parts) :]
        if PurePosixPath(text).is_absolute():
            inner = PurePosixPath(text).parts[len(PurePosixPath(base).parts) :]
        pattern, wildcard = compiled("/".join(inner))
        any_suffix = text.endswith(ANY_SUFFIX)
        found: dict[tuple[tuple[str, str], ...], Found] = {}
        for relative in sorted(listing(base, wildcard)):
            seen = nfc(relative.replace(os.sep, "/"))
            fits = pattern.fullmatch(seen)
            if not fits or (any_suffix and not seen.lower().endswith(self.suffixes)):
                continue
            path = base / relative
            if path in without:
                continue
            fields = fits.groupdict()
            others = [value for field, value in fields.items() if field != NAME]
            file = Found(path, fields, "_".join([*others, fields[NAME]]))
            if (other := found.setdefault(tuple(sorted(fields.items())), file)) is not file:
                both = f"{other.path.relative_to(base)} and {file.path.relative_to(base)}"
                hint = f"Keep one, or rename it, or write the suffix in data.{self.setting}."
                if other.path.parent != file.path.parent:
                    hint = f"Tell folders apart by fields of your own in data.{self.setting}, as '{{site}}/{{name}}.*'."
                raise UserError(f"{base} holds {both}: which of them is meant by {file.name} is not clear. {hint}")
        return found

    def path(self, root: Path, split: str, fields: Mapping[str, str]) -> Path:
        """Where a file should lie; any suffix is PNG for a mask and left out for an image."""
        text = self.filled(split)
        for key, value in fields.items():
            text = text.replace(f"{{{key}}}", value)
        if text.endswith(ANY_SUFFIX):
            text = text[: -len(ANY_SUFFIX)] + (".png" if self.setting == "masks" else "")
        return on_disk(root / text)


def compiled(text: str) -> tuple[re.Pattern[str], str]:
    """A template as a regular expression with a group per field, and as a pattern for ``glob``."""
    suffix = text.endswith(ANY_SUFFIX)
    expression, wildcard, fields = "", "", set[str]()
    for token in TOKEN.finditer(text[: -len(ANY_SUFFIX)] if suffix else text):
        field = token["field"]
        if field:
            expression += f"(?P={field})" if field in fields else f"(?P<{field}>[^/]+)"
            wildcard += "*"
            fields.add(field)
        elif token["deep"]:
            expression, wildcard = expression + "(?:.*/)?", wildcard + "**/"
        elif token["many"] or token["one"]:
            expression += "[^/]*" if token["many"] else "[^/]"
            wildcard += token[0]
        else:
            expression += re.escape(token[0])
            # Another spelling of a letter is found too: the expression compares in one form.
            wildcard += glob.escape(token[0]) if token[0].isascii() else "*"
    return re.compile(expression + (r"\.[^./]+" if suffix else ""), re.DOTALL), wildcard + (
        ANY_SUFFIX if suffix else ""
    )


def listing(base: Path, wildcard: str) -> list[str]:
    """The paths under ``base`` that may fit; hidden files are left alone, which ``Path.glob`` would give."""
    if "**" in wildcard:
        return [*walk(base)]
    return glob.glob(wildcard, root_dir=base, recursive=True)  # noqa: PTH207


def walk(base: Path, suffix: str = "") -> Iterator[str]:
    """The files at any depth, relative to ``base``, without hidden ones."""
    for folder, files in folders(base):
        for name in files:
            if not name.startswith(".") and name.lower().endswith(suffix):
                yield str((folder / name).relative_to(base))


def folders(base: Path) -> Iterator[tuple[Path, list[str]]]:
    """A folder and all within it but hidden ones, with the names of their files.

    Links are followed, but a folder is entered once, whatever links lead back to it: else there would be no end.
    """
    entered = set[tuple[int, int]]()
    for path, inner, files in os.walk(base, followlinks=True):
        seen = Path(path).stat()
        if (seen.st_dev, seen.st_ino) in entered:
            inner.clear()
            continue
        entered.add((seen.st_dev, seen.st_ino))
        inner[:] = sorted(name for name in inner if not name.startswith(".") and name not in LEFT)
        yield Path(path), files


def shown(names: Iterable[str]) -> str:
    """The first few of some names."""
    some = list(names)
    return ", ".join(some[:SHOWN]) + (", ..." if len(some) > SHOWN else "")


def held(folder: Path) -> str:
    """What lies in a folder, for messages."""
    if not folder.is_dir():
        return f"There is no folder {folder}."
    names = sorted(entry.name for entry in os.scandir(folder) if not entry.name.startswith("."))
    return f"{folder} holds {shown(names)}." if names else f"{folder} is empty."


def suggestion(name: str, files: Sequence[str]) -> str | None:
    """A template for files of which one has an image's name within its own: photo_0_mask.png is {name}_mask.png."""
    fits = [file for file in files if name in file]
    return min(fits, key=len).replace(name, "{name}", 1) if fits else None


def strangers(image: Template, mask: Template, images: Iterable[Found], masks: Iterable[Found]) -> UserError:
    """An error that tells why no image has a mask: three names of each side, and the template that would do."""
    images, masks = list(images), list(masks)
    files = [nfc(found.path.name) for found in masks]
    hint = next((one for found in images if (one := suggestion(found.fields[NAME], files))), None)
    advice = "" if hint is None else f" Type data.masks='{mask.text.rpartition('/')[0]}/{hint}'."
    return UserError(
        f"No image has a mask. data.images={image.text} finds the names {shown(found.name for found in images)}; "
        f"data.masks={mask.text} finds {shown(found.name for found in masks)} ({shown(files)})."
        f"{advice or ' Give both one name.'}"
    )
