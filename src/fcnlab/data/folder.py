"""Folder: a person's own images and masks, wherever they lie."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from annotated_types import Ge, Interval

from fcnlab.cli.terminal import say
from fcnlab.data.class_list import read_classes
from fcnlab.data.datamodule import SPLITS, Split
from fcnlab.data.files import FileData, Pair
from fcnlab.data.images import IMAGE_SUFFIXES
from fcnlab.data.layout import Found, Template, held, shown, strangers
from fcnlab.data.lists import Listed, ends, find_list, fits, read_list
from fcnlab.data.sharing import share_by_hash
from fcnlab.data.spelling import nfc, on_disk
from fcnlab.error import UserError

Files = dict[tuple[tuple[str, str], ...], Found]


class Looked:
    """What the templates found, by folder of a split."""

    def __init__(self) -> None:
        self.files = dict[str, tuple[Files, Files]]()
        self.told = set[object]()

    def tell(self, message: str, about: object = None) -> None:
        """Say something once, or one thing about something."""
        if (about or message) not in self.told:
            self.told.add(about or message)
            say(message)


class Folder(FileData):
    """Images and masks that templates find, ``root/images/NAME.jpg`` and ``root/masks/NAME.png`` unless they say else.

    Args:
        classes: a file (.txt, .yaml, .json, .csv) relative to ``root``, or the classes themselves.
        images, masks: templates of paths relative to ``root``, or lists of as many; see :class:`Template`.
        lists: a folder with train.txt, val.txt and test.txt (or .csv, .jsonl), or a list for all splits with a column
            ``split``, relative to ``root``. None: the split is in the templates, or follows from ``fractions``.
        splits: what folders and lists call the splits, as {val: validation}; those of one share it by ``fractions``.
        unmasked: ``refuse`` images whose mask is not there, or ``skip`` them; those of lists are always asked for.
        expects: how many images each split must have, where that is known; others are refused.
        fractions: shares of the splits; an image's split follows from a hash of its name.
    """

    def __init__(
        self,
        *,
        root: str,
        classes: Any,
        images: str | Sequence[str] = "images/{name}.*",
        masks: str | Sequence[str] = "masks/{name}.*",
        lists: str | None = None,
        splits: Mapping[Split, str] | None = None,
        unmasked: Literal["refuse", "skip"] = "refuse",
        expects: Mapping[Split, Annotated[int, Ge(1)]] | None = None,
        fractions: dict[Split, Annotated[float, Interval(ge=0, le=1)]],
        **common: Any,
    ) -> None:
        several = [[one] if isinstance(one, str) else list(one) for one in (images, masks)]
        if len(several[0]) != len(several[1]) or not several[0]:
            raise UserError(f"data.images has {len(several[0])} templates, data.masks {len(several[1])}. Give as many.")
        self.templates = [(Template(i, "images"), Template(m, "masks")) for i, m in zip(*several, strict=True)]
        where = " and ".join(f"{root}/{one.text}" for pair in self.templates for one in pair)
        self.layout = where.replace("{name}.*", "NAME.png").replace("{name}", "NAME")
        if isinstance(classes, str):
            self.layout += f" and class names in {root}/{classes}"
        found = read_classes(classes, Path(root).expanduser(), self.layout)
        super().__init__(root=root, classes=found, layout=self.layout, **common)
        self.unmasked, self.lists = unmasked, lists
        self.fractions = {str(split): share for split, share in fractions.items()}
        self.called = {str(split): name for split, name in (splits or {}).items()}
        self.looked, self.expects = Looked(), {str(split): number for split, number in (expects or {}).items()}
        if odd := next((pair for pair in self.templates if (pair[0].fields ^ pair[1].fields) - {"split"}), None):
            raise UserError(
                f"data.images={odd[0].text} and data.masks={odd[1].text} tell different things of an image: "
                f"{', '.join(sorted((odd[0].fields ^ odd[1].fields) - {'split'}))}. Put the same {{fields}} into both, "
                "* for others."
            )
        if abs(sum(self.fractions.values()) - 1) > 1e-6:
            raise UserError(
                f"data.fractions={self.fractions} sum to {sum(self.fractions.values())}. Make them sum to 1."
            )

    def pairs(self, split: str) -> list[Pair]:
        """Find the split's files by its list, by its folder or by hash, as many as are expected."""
        pairs = self.found_pairs(split)
        if (number := self.expects.get(split, len(pairs))) != len(pairs):
            raise self.missing(
                f"Split {split!r} has {len(pairs)} images, not the {number} of data.expects. Get the rest, or say "
                "data.expects=null to go on with these, whose scores compare with nobody's."
            )
        return pairs

    def found_pairs(self, split: str) -> list[Pair]:
        """The split's files, however many."""
        images, masks = self.look(split)
        if self.lists is not None:
            by_name = dict[str, Files]()
            for key, found in {**masks, **images}.items():
                for name in {found.fields["name"], found.name, *([nfc(found.path.stem)] if key in images else [])}:
                    by_name.setdefault(name, {})[key] = found
            path = self.list_of(split)
            if not path.is_file():
                raise self.missing(
                    f"The list {path} is missing. data.splits={{test: val, val: train}} shares out what is there."
                )
            lines = self.lines(split)
            folder = self.templates[0][1].base(self.root, self.called.get(split, split))
            if not folder.is_dir() and not all(listed.mask for listed in lines):
                raise self.missing(f"There is no folder {folder}.")
            pairs = [self.listed_pair(listed, by_name, images, masks, split) for listed in lines]
            same = [one for one in SPLITS if self.list_of(one) == path]
            together = [one for one in same if one == split or self.lines(one) == lines]
        else:
            together = [one for one in SPLITS if self.folder_of(one) == self.folder_of(split)]
            by_images, by_masks = (one.has_split for one in self.templates[0])
            if by_images and not by_masks:
                self.refuse_shared(images, masks, split)
            skip = self.unmasked == "skip" or (by_masks and not by_images)
            own = [(key, found) for key, found in (images or masks).items() if key in masks or not skip]
            if (
                images
                and by_images == by_masks
                and (alone := [found.path.name for key, found in masks.items() if key not in images])
            ):
                self.looked.tell(
                    f"{len(alone)} masks of data.masks={self.templates[0][1].text} have no image of data.images="
                    f"{self.templates[0][0].text} and are left out: {shown(alone)}. Images are read from "
                    f"{', '.join(IMAGE_SUFFIXES)}."
                )
            pairs = [self.pair(key, found, images, masks, split) for key, found in own]
        if together != [split]:
            chosen = {*share_by_hash([pair.name for pair in pairs], split, together, self.fractions)}
            pairs = [pair for pair in pairs if pair.name in chosen]
        if images and masks and not images.keys() & masks.keys() and not any(pair.mask.is_file() for pair in pairs):
            raise strangers(*self.templates[0], images.values(), masks.values())
        return pairs

    def lines(self, split: str) -> list[Listed]:
        """What the list of a split says; a list of all splits by what ``splits`` calls it."""
        path = self.list_of(split)
        return read_list(path, self.called.get(split, split)) or read_list(path, split)

    def list_of(self, split: str) -> Path:
        """The list of a split, by what ``splits`` calls it or by its own name."""
        called = find_list(self.root, str(self.lists), self.called.get(split, split))
        return called if called.is_file() else find_list(self.root, str(self.lists), split)

    def folder_of(self, split: str) -> str:
        """What the folders call a split; nothing where they tell none apart."""
        return self.called.get(split, split) if any(one.has_split for one in self.templates[0]) else ""

    def look(self, split: str) -> tuple[Files, Files]:
        """The images and the masks of all templates; without a folder of images the masks can still be read."""
        called = self.folder_of(split)
        if called in self.looked.files:
            return self.looked.files[called]
        images, masks = Files(), Files()
        image_templates, mask_templates = zip(*self.templates, strict=True)
        for mask in mask_templates:
            if self.lists is None and not (folder := mask.base(self.root, called)).is_dir():
                raise self.missing(f"There is no folder {folder}.")
        differ = any(image.text != mask.text for image, mask in self.templates)
        for found, templates in ((masks, mask_templates), (images, image_templates)):
            drawn = {file.path for file in masks.values()} if found is images and differ else set()
            for template in templates:  # NAME_mask.png beside NAME.png is no image
                for key, file in template.find(self.root, called, drawn).items():
                    if (other := found.setdefault(key, file)) is not file:
                        raise UserError(
                            f"{other.path} and {file.path} have one name, {file.name}. Tell them apart by a field: "
                            f"data.{template.setting}='{{site}}/{{name}}.*'."
                        )
        image, mask = self.templates[0]
        for found, template in ((images, image), (masks, mask)):
            if not found and (folder := template.base(self.root, called)).is_dir():
                raise self.missing(f"No file fits data.{template.setting}={template.text}. {held(folder)}")
        self.looked.files[called] = images, masks
        return images, masks

    def pair(self, key: Any, found: Found, images: Files, masks: Files, split: str) -> Pair:
        """An image and the mask whose path says the same; where one is not there, where it should be."""
        called = self.called.get(split, split)
        image, mask = (
            files[key].path if key in files else template.path(self.root, called, found.fields)
            for files, template in zip((images, masks), self.templates[0], strict=True)
        )
        return Pair(found.name, image, mask)

    def listed_pair(
        self, listed: Listed, by_name: Mapping[str, Files], images: Files, masks: Files, split: str
    ) -> Pair:
        """The files of one line of a list. Raises UserError where it names two images."""
        columns = re.fullmatch(r"(\S+)(?:\s+-?\d+){2,}", listed.name)  # behind the name
        name = columns[1] if columns and listed.name not in by_name else listed.name
        if name in by_name:
            several = by_name[name]
            if len(several) > 1 or len(PurePosixPath(listed.written).parts) > 1:  # its folders tell which
                several = {key: one for key, one in several.items() if fits(listed.written, one)}
            number = len(by_name[name])
            if len(several) != 1:
                raise UserError(
                    f"{self.list_of(split)} names {listed.written}, but that is {number} image{'s' * (number > 1)}: "
                    f"{shown(str(found.path) for found in by_name[name].values())}. Write which, as "
                    f"{next(iter(by_name[name].values())).name}."
                )
            ((key, found),) = several.items()
            pair = self.pair(key, found, images, masks, split)
            written = PurePosixPath(listed.written)  # those of another machine say nothing of this one
            folder = "" if written.is_absolute() else written.parent.name
            if folder and folder not in {*map(nfc, (*pair.image.parts, *pair.mask.parts))}:
                self.looked.tell(
                    f"{self.list_of(split)} names {listed.written}, but no folder {folder} is read: the images are "
                    f"taken by their names, this one from {pair.image}.",
                    self.list_of(split),
                )
        else:
            called = self.called.get(split, split)
            image, mask = (one.path(self.root, called, {"name": listed.name}) for one in self.templates[0])
            pair = Pair(listed.name, image, mask)
        both = (listed.image, pair.image), (listed.mask, pair.mask)
        return Pair(pair.name, *(self.listed_file(path, file, listed.name) for path, file in both))

    def listed_file(self, path: str | None, found: Path, name: str) -> Path:
        """The file that a list names; that of the same name, where the list's paths are of elsewhere.

        Elsewhere is another machine, or a folder above or within ``root`` from which the path is that of the file.
        """
        given = found if path is None else on_disk(self.root / path)
        if path is None or given.is_file() or not found.is_file():
            return given
        elsewhere = Path(path).is_absolute() and nfc(Path(path).stem) in (name, nfc(found.stem))
        return found if elsewhere or ends(path, found) else given

    def hint(self, kind: str) -> str:
        """What to type where masks are missing."""
        return " data.unmasked=skip leaves such images out." if kind == "mask" and self.lists is None else ""

    def refuse_shared(self, images: Files, masks: Files, split: str) -> None:
        """Raise UserError where one mask is that of images of two splits, which differ."""
        for other in SPLITS:
            image = self.templates[0][0]
            if (
                self.folder_of(other) == self.folder_of(split)
                or not image.base(self.root, self.folder_of(other)).is_dir()
            ):
                continue
            others, _ = self.look(other)
            if key := next((key for key in images if key in others and key in masks), None):
                raise UserError(
                    f"{masks[key].path} is the mask of both {images[key].path} and {others[key].path}. Put {{split}} "
                    f"into data.masks={self.templates[0][1].text} too, or give each image a name of its own."
                )
