"""Folder: a person's own images and masks, wherever they lie."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge, Interval

from fcnlab.cli.terminal import say
from fcnlab.data.class_list import read_classes
from fcnlab.data.datamodule import SPLITS, Split
from fcnlab.data.files import FileData, Pair
from fcnlab.data.images import IMAGE_SUFFIXES
from fcnlab.data.layout import Found, Template, held, nfc, shown, suggestion
from fcnlab.data.lists import Listed, find_list, read_list
from fcnlab.data.sharing import share_by_hash
from fcnlab.error import UserError

Files = dict[tuple[tuple[str, str], ...], Found]


class Looked:
    """What the templates found, by folder of a split."""

    def __init__(self) -> None:
        self.files = dict[str, tuple[Files, Files]]()
        self.told = set[str]()

    def tell(self, message: str) -> None:
        """Say something once."""
        if message not in self.told:
            self.told.add(message)
            say(message)


class Folder(FileData):
    """Images and masks that templates find, ``root/images/NAME.jpg`` and ``root/masks/NAME.png`` unless they say else.

    Args:
        classes: a file (.txt, .yaml, .json, .csv) relative to ``root``, or the classes themselves.
        images, masks: templates of paths relative to ``root``, or lists of as many; see :class:`Template`.
        lists: a folder with train.txt, val.txt and test.txt (or .csv, .jsonl), or a list for all splits with a column
            ``split``, relative to ``root``. None: the split is in the templates, or follows from ``fractions``.
        splits: what the folders call the splits, as {val: validation}; those of one folder share it by ``fractions``.
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
        self.lists, self.fractions = lists, {str(split): share for split, share in fractions.items()}
        self.called = {str(split): name for split, name in (splits or {}).items()}
        self.looked, self.expects = Looked(), {str(split): number for split, number in (expects or {}).items()}
        if odd := next((pair for pair in self.templates if pair[0].fields != pair[1].fields), None):
            raise UserError(
                f"data.images={odd[0].text} and data.masks={odd[1].text} tell different things of an image: "
                f"{', '.join(sorted(odd[0].fields ^ odd[1].fields))}. Put the same {{fields}} into both, * for others."
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
            by_name = {found.fields["name"]: (key, found) for key, found in [*masks.items(), *images.items()]}
            by_name |= {found.name: (key, found) for key, found in [*masks.items(), *images.items()]}
            path = find_list(self.root, self.lists, split)
            if not path.is_file():
                raise self.missing(f"The list {path} is missing.")
            pairs = [self.listed_pair(listed, by_name, images, masks, split) for listed in read_list(path, split)]
        else:
            own = [(key, found) for key, found in (images or masks).items()]
            if images and (alone := [found.path.name for key, found in masks.items() if key not in images]):
                self.looked.tell(
                    f"{len(alone)} masks of data.masks={self.templates[0][1].text} have no image of data.images="
                    f"{self.templates[0][0].text} and are left out: {shown(alone)}. Images are read from "
                    f"{', '.join(IMAGE_SUFFIXES)}."
                )
            together = [one for one in SPLITS if self.folder_of(one) == self.folder_of(split)]
            if together != [split]:
                chosen = {*share_by_hash([found.name for _, found in own], split, together, self.fractions)}
                own = [one for one in own if one[1].name in chosen]
            pairs = [self.pair(key, found, images, masks, split) for key, found in own]
        if images and masks and not images.keys() & masks.keys() and not any(pair.mask.is_file() for pair in pairs):
            self.refuse_strangers(images, masks)
        return pairs

    def folder_of(self, split: str) -> str:
        """What the folders call a split; nothing where they tell none apart."""
        return self.called.get(split, split) if self.templates[0][0].has_split else ""

    def look(self, split: str) -> tuple[Files, Files]:
        """The images and the masks of all templates; without a folder of images the masks can still be read."""
        called = self.folder_of(split)
        if called in self.looked.files:
            return self.looked.files[called]
        images, masks = Files(), Files()
        for image, mask in self.templates:
            if not (folder := mask.base(self.root, called)).is_dir():
                raise self.missing(f"There is no folder {folder}.")
            for found, template in ((images, image), (masks, mask)):
                for key, file in template.find(self.root, called).items():
                    if (other := found.setdefault(key, file)) is not file:
                        raise UserError(
                            f"{other.path} and {file.path} have one name, {file.name}. Tell them apart by a field: "
                            f"data.{template.setting}='{{site}}/{{name}}.*'."
                        )
        if any(image.text != mask.text for image, mask in self.templates):  # NAME_mask.png beside NAME.png is no image
            drawn = {file.path for file in masks.values()}
            images = {key: file for key, file in images.items() if file.path not in drawn}
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

    def listed_pair(self, listed: Listed, by_name: Any, images: Files, masks: Files, split: str) -> Pair:
        """The files of one line of a list."""
        if listed.name in by_name:
            key, found = by_name[listed.name]
            pair = self.pair(key, found, images, masks, split)
        else:
            called = self.called.get(split, split)
            image, mask = (one.path(self.root, called, {"name": listed.name}) for one in self.templates[0])
            pair = Pair(listed.name, image, mask)
        files = [self.listed_file(path, file) for path, file in ((listed.image, pair.image), (listed.mask, pair.mask))]
        return Pair(pair.name, *files)

    def listed_file(self, path: str | None, found: Path) -> Path:
        """The file that a list names; that of the same name, where the list has a whole path of another machine."""
        given = found if path is None else self.root / path
        foreign = path is not None and Path(path).is_absolute() and not given.is_file()
        return found if foreign and found.is_file() else given

    def refuse_strangers(self, images: Files, masks: Files) -> None:
        """Tell why no image has a mask: three names of each side, and the template that would do."""
        names = [found.name for found in images.values()]
        files = [found.path.name for found in masks.values()]
        image, mask = self.templates[0]
        hint = next(
            (s for found in images.values() if (s := suggestion(found.fields["name"], list(map(nfc, files))))), None
        )
        advice = "" if hint is None else f" Type data.masks='{mask.text.rpartition('/')[0]}/{hint}'."
        raise UserError(
            f"No image has a mask. data.images={image.text} finds the names {shown(names)}; data.masks={mask.text} "
            f"finds {shown(found.name for found in masks.values())} ({shown(files)}).{advice or ' Give both one name.'}"
        )
