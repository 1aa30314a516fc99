"""Folder: a person's own images and masks, lying side by side."""

from pathlib import Path
from typing import Annotated, Any

import yaml
from annotated_types import Interval

from fcnlab.data.datamodule import Split
from fcnlab.data.files import IMAGE_SUFFIXES, FileData, Pair, read_text, split_by_hash, without_suffix
from fcnlab.error import UserError


class Folder(FileData):
    """``root/images/NAME.jpg`` with ``root/masks/NAME.png`` (index or palette PNG, 255 is void).

    Args:
        classes: a text file with one class name per line, or a YAML file with a list, relative to ``root``.
        lists: a folder with train.txt, val.txt and test.txt (one name per line), relative to ``root``; None splits by
            ``fractions``.
        fractions: shares of the splits; an image's split follows from a hash of its name.
    """

    def __init__(
        self,
        *,
        root: str,
        classes: str,
        lists: str | None,
        fractions: dict[Split, Annotated[float, Interval(ge=0, le=1)]],
        **common: Any,
    ) -> None:
        layout = f"{root}/images/NAME.jpg, {root}/masks/NAME.png and class names in {root}/{classes}"
        super().__init__(
            root=root, class_names=read_names(Path(root).expanduser() / classes, layout), layout=layout, **common
        )
        self.lists, self.fractions = lists, {str(split): share for split, share in fractions.items()}
        if abs(sum(self.fractions.values()) - 1) > 1e-6:
            raise UserError(
                f"data.fractions={self.fractions} sum to {sum(self.fractions.values())}. Make them sum to 1."
            )

    def pairs(self, split: str) -> list[Pair]:
        """Take the split's names from its list or by hash, and find the files."""
        masks = self.files("masks")
        # Without a folder of images the masks can still be read.
        files = self.files("images") if (self.root / "images").is_dir() else {}
        if self.lists is None:
            names = [name for name in files or masks if split_by_hash(name, self.fractions) == split]
            if masks and not names:
                raise UserError(
                    f"None of {len(files or masks)} images falls into split {split!r} by "
                    f"data.fractions={self.fractions}. Change them, or name the images of each split in data.lists."
                )
        else:
            listing = self.root / self.lists / f"{split}.txt"
            if not listing.is_file():
                raise self.missing(f"The list {listing} is missing.")
            names = [without_suffix(line.strip()) for line in read_text(listing).splitlines() if line.strip()]
        images = self.root / "images"
        return [
            Pair(name, files.get(name, images / name), masks.get(name, self.root / "masks" / f"{name}.png"))
            for name in names
        ]

    def files(self, folder: str) -> dict[str, Path]:
        """The image files of a folder by name, sorted."""
        if not (self.root / folder).is_dir():
            raise self.missing(f"There is no folder {self.root / folder}.")
        found = dict[str, Path]()
        for path in sorted(p for p in (self.root / folder).iterdir() if p.suffix.lower() in IMAGE_SUFFIXES):
            if (other := found.setdefault(path.stem, path)) != path:
                raise UserError(
                    f"{self.root / folder} holds {other.name} and {path.name}: which of them is meant by {path.stem} "
                    "is not clear. Keep one, or rename it."
                )
        return found


def read_names(path: Path, layout: str) -> tuple[str, ...]:
    """Class names from a text or YAML file, in the order of the labels."""
    if not path.is_file():
        raise UserError(
            f"There is no file {path} of class names. Expected {layout}. Set data.root=... and data.classes=..."
        )
    text = read_text(path)
    try:
        names = yaml.safe_load(text) if path.suffix in (".yaml", ".yml") else text.split("\n")
    except yaml.YAMLError as error:
        raise UserError(f"{path} is no YAML: {error}. Write a list of class names, or one per line as .txt.") from error
    if isinstance(names, dict):
        names = [names[label] for label in sorted(names)]
    names = tuple(str(name).strip() for name in names or () if str(name).strip())
    if not names or len(set(names)) != len(names):
        raise UserError(f"{path} lists {names or 'nothing'}. It must hold one class name per line, none twice.")
    return names
