"""Hugging Face: data sets of the library ``datasets`` with a column of images and a column of masks."""

import hashlib
from collections.abc import Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Any, cast

import numpy as np
from annotated_types import Interval

from fcnlab.data.class_list import read_classes
from fcnlab.data.datamodule import SPLITS, Split
from fcnlab.data.files import FileData, Pair
from fcnlab.data.held import HeldFile
from fcnlab.data.masks import Stored
from fcnlab.data.sharing import share_by_hash
from fcnlab.data.stamp import file_stamp, own_settings
from fcnlab.error import UserError, import_extra, nearest, raised

SAVED = ("dataset_info.json", "dataset_dict.json")  # what save_to_disk leaves
Column = Any  # a Dataset of one column


class HuggingFace(FileData):
    """Rows of a data set: an image, and a mask as an image or as rows of whole numbers.

    Image files are read as they lie in the table, by the same readers as those of a folder.

    Args:
        root: what ``save_to_disk`` wrote, a folder of parquet or arrow files, or a name on the hub (user/name).
        subset: the configuration of a data set that has several.
        revision: of the hub: a commit keeps the data what they are.
        image, mask: the columns; None takes the one column of images that is left.
        splits: what the data set calls the splits; those of one name share it by ``fractions``.
    """

    def __init__(
        self,
        *,
        root: str,
        classes: Any,
        subset: str | None = None,
        revision: str | None = None,
        image: str = "image",
        mask: str | None = None,
        splits: Mapping[Split, str],
        fractions: dict[Split, Annotated[float, Interval(ge=0, le=1)]],
        **common: Any,
    ) -> None:
        home = Path(root).expanduser()
        layout = f"a column {image} of images and one of masks in {root}"
        found = read_classes(classes, home, layout)
        super().__init__(root=root, layout=layout, classes=found, **common)
        self.source, self.subset, self.revision = (str(home) if home.exists() else root), subset, revision
        self.image_column, self.mask_column = image, mask
        self.fractions = {str(split): share for split, share in fractions.items()}
        self.called = {split: splits.get(split, split) for split in cast("tuple[Split, ...]", SPLITS)}

    @cached_property
    def tables(self) -> Mapping[str, Any]:
        """The data set's own splits."""
        library = import_extra("datasets", "huggingface", f"data.root={self.source}, a data set of Hugging Face,")
        try:
            if any((Path(self.source) / name).is_file() for name in SAVED):
                loaded = library.load_from_disk(self.source)
            else:
                loaded = library.load_dataset(self.source, self.subset, revision=self.revision)
        except Exception as error:  # what the library raises for a name, a file or a network is not defined
            raise UserError(
                f"Cannot load data.root={self.source} by the library datasets: {raised(error)}. Give a folder that "
                "save_to_disk wrote, one of parquet files, or a name on the hub, and data.subset where it has several."
            ) from error
        return loaded if isinstance(loaded, Mapping) else {str(loaded.split or "train"): loaded}

    def table(self, split: str) -> Any:
        """The rows of which a split is made. Raises UserError where the data set has none of that name."""
        name = self.called[cast("Split", split)]
        if name not in self.tables:
            raise UserError(
                f"{self.source} has no split {name!r}. {nearest(name, self.tables)} Set data.splits.{split}=...; two "
                "splits of one name share it by data.fractions."
            )
        return self.tables[name]

    def columns(self, split: str) -> tuple[str, str]:
        """The names of the columns of images and masks."""
        features = self.table(split).features
        images = [name for name, kind in features.items() if type(kind).__name__ == "Image"]
        if self.image_column not in features:
            raise UserError(
                f"{self.source} has no column {self.image_column!r}. {nearest(self.image_column, features)}"
            )
        if self.mask_column is not None:
            if self.mask_column not in features:
                raise UserError(
                    f"{self.source} has no column {self.mask_column!r}. {nearest(self.mask_column, features)}"
                )
            return self.image_column, self.mask_column
        others = [name for name in images if name != self.image_column]
        if len(others) != 1:
            raise UserError(
                f"{self.source} has {len(others)} columns of images beside {self.image_column}: "
                f"{', '.join(others) or 'none'}. Name that of the masks: data.mask=... There are {', '.join(features)}."
            )
        return self.image_column, others[0]

    def column(self, split: str, name: str) -> Column:
        """One column alone, so that a row of it reads nothing else; images stay the files that they were."""
        table = self.table(split).select_columns([name])
        if type(table.features[name]).__name__ == "Image":
            return table.cast_column(name, type(table.features[name])(decode=False))
        return table.with_format("numpy")

    def pairs(self, split: str) -> list[Pair]:
        """One pair per row."""
        name = self.called[cast("Split", split)]
        together = [one for one in SPLITS if self.called[cast("Split", one)] == name]
        image, mask = (self.column(split, one) for one in self.columns(split))
        rows = {f"{name}_{number:06}": number for number in range(len(image))}
        return [
            Pair(one, held(image, self.source, name, rows[one]), held(mask, self.source, name, rows[one]))
            for one in share_by_hash(rows, split, together, self.fractions)
        ]

    def decode_mask(self, path: Path) -> Stored:
        """A mask file, or rows of whole numbers."""
        values: Any = getattr(path, "values", None)
        if values is None:
            return super().decode_mask(path)
        labels = np.asarray(values())
        if labels.ndim != 2 or labels.dtype.kind not in "iub" or labels.min() < 0 or labels.max() > 65535:
            raise UserError(
                f"{path} holds {labels.dtype} of shape {labels.shape}. A mask is an image, or rows of whole numbers, 0 "
                "to 65535."
            )
        return labels.astype(np.uint16 if labels.max() > 255 else np.uint8)

    def image_shape(self, split: str, index: int) -> tuple[int, int]:
        """Height and width, from the header of the image; of a mask of whole numbers, from itself."""
        mask = self.checked_pairs(split)[index].mask
        if hasattr(mask, "values"):
            shape = self.decode_mask(mask).shape
            return int(shape[0]), int(shape[1])
        return super().image_shape(split, index)

    def listed_pairs(self, split: str) -> list[Pair]:
        """``pairs``, once; there is no folder to look for."""
        if split not in self.listings:
            pairs = self.folded_pairs(split)
            if not pairs:
                raise UserError(f"Split {split!r} of {self.source} has no row. Set data.splits and data.fractions.")
            self.listings[split] = pairs
        return self.listings[split]

    def stamp(self) -> str:
        """A hash of the files of all tables."""
        seen = [self.files_stamp(split) for split in SPLITS if self.called[cast("Split", split)] in self.tables]
        return hashlib.sha256(repr((self.class_names, seen)).encode()).hexdigest()[:16]

    def split_stamp(self, split: str) -> str:
        """A hash of the split's table and of how it is read."""
        content = (own_settings(self), self.files_stamp(split), [pair.name for pair in self.listed_pairs(split)])
        return hashlib.sha256(repr(content).encode()).hexdigest()

    def files_stamp(self, split: str) -> list[Any]:
        """Sizes and times of change of the files of a table, and of the image files that it names."""
        table = self.table(split)
        seen: list[Any] = [(len(table), *(file_stamp(Path(one["filename"])) or () for one in table.cache_files))]
        for name in self.columns(split):
            column = self.column(split, name)
            if type(column.features[name]).__name__ == "Image":
                paths = column.with_format("arrow").data.column(name).combine_chunks().field("path").to_pylist()
                seen += [file_stamp(Path(path)) for path in paths if path and Path(path).is_absolute()]
        return seen


class Row(HeldFile):
    """A mask as rows of whole numbers, which no file holds."""

    def __init__(self, name: str, column: Column, number: int) -> None:
        (key,) = column.features
        super().__init__(name, bytes)
        self.values = lambda: column[number][key]


def held(column: Column, source: str, split: str, number: int) -> Path:
    """The cell of one row; it answers all that the readers ask of a path."""
    (key,) = column.features
    name = f"row {number} of {source}, {split}, {key}"
    if type(column.features[key]).__name__ != "Image":
        return cast("Path", Row(name, column, number))
    return cast("Path", HeldFile(name, partial(content, column, key, number)))


def content(column: Column, key: str, number: int) -> bytes:
    """The bytes of an image file: in the table, or where it names."""
    cell = column[number][key]
    if cell is None:
        raise UserError(f"Row {number} has no {key}. Every row needs an image and a mask: filter the others out.")
    return bytes(cell["bytes"]) if cell["bytes"] is not None else Path(cell["path"]).read_bytes()
