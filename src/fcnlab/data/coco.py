"""COCO: polygons and run-length encoded masks in a JSON file of annotations, beside folders of images."""

import json
from collections import Counter
from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from fcnlab.data.annotations import VOID, AnnotatedData
from fcnlab.data.files import Pair
from fcnlab.data.spelling import on_disk
from fcnlab.data.transforms import Mask
from fcnlab.error import UserError, import_extra


class COCO(AnnotatedData):
    """Annotation files in COCO's format, drawn by pycocotools when a mask is read.

    Larger shapes are drawn first, so that a small object in front of a large one stays visible; of equal areas the
    one that stands first in the file. What ``iscrowd`` marks is void, under every shape.

    Args:
        annotations: a JSON file per split, relative to ``root``. Splits without one share the images of ``train`` by
            ``fractions``.
        images: a folder of images per split, relative to ``root``; those without one, or without annotations of
            their own, take that of ``train``.
        classes: names of categories to learn; None takes all, by their ids. Shapes of others are background.
    """

    def __init__(
        self,
        *,
        root: str,
        annotations: dict[str, str | None],
        images: dict[str, str | None],
        classes: list[str] | None,
        **common: Any,
    ) -> None:
        self.annotations, self.images = dict(annotations), dict(images)
        self.tables: dict[str, dict[str, Any]] = {}
        layout = f"{root}/{annotations.get('train')} in COCO's format and images in {root}/{images.get('train')}"
        self.home, self.expected = on_disk(Path(root).expanduser()), layout
        categories = sorted(self.table("train")["categories"], key=lambda one: one["id"])
        found = list(dict.fromkeys(one["name"] for one in categories))
        if unknown := sorted({*(classes or [])} - {*found}):
            raise UserError(f"data.classes names {unknown[0]}, which {self.file('train')} has not: {', '.join(found)}.")
        super().__init__(root=root, layout=layout, classes=classes or found, **common)
        self.chosen = {*(classes or found)}

    def file(self, split: str) -> Path:
        """The annotations of a split."""
        return self.home / str(self.annotations.get(split) or self.annotations.get("train"))

    def table(self, split: str) -> dict[str, Any]:
        """A file of annotations, read once, its shapes by image."""
        path = self.file(split)
        if str(path) not in self.tables:
            if not path.is_file():
                raise UserError(
                    f"There is no file {path}. Expected {self.expected}. Set data.root and data.annotations."
                )
            try:
                content = json.loads(path.read_bytes())
                images = {one["id"]: one for one in content["images"]}
                categories = {one["id"]: one["name"] for one in content["categories"]}
                shapes: dict[int, list[dict[str, Any]]] = {key: [] for key in images}
                for one in content["annotations"]:
                    shapes[one["image_id"]].append(one)
            except (ValueError, KeyError, TypeError) as error:
                raise UserError(
                    f"{path} is no file of COCO annotations: {type(error).__name__} {error}. It must hold images, "
                    "categories and annotations whose image_id is an image's id."
                ) from error
            for kind, known in (("images", images), ("categories", categories)):
                if len(known) < len(content[kind]):
                    twice = Counter(one["id"] for one in content[kind]).most_common(1)[0][0]
                    raise UserError(
                        f"{path} has several {kind} of id {twice}, so that whose shapes are whose is not clear. Files "
                        "that were joined must be numbered anew: export them as one."
                    )
            self.tables[str(path)] = {
                "images": images,
                "by_text": {str(key): one for key, one in images.items()},  # as the paths of masks name them
                "names": categories,
                "shapes": shapes,
                "categories": content["categories"],
            }
        return self.tables[str(path)]

    def pairs(self, split: str) -> list[Pair]:
        """The images of the split's file, in the order of their ids; those without a shape too."""
        path = self.file(split)
        own = self.images.get(split) if self.annotations.get(split) else None
        folder = self.home / str(own or self.images.get("train"))
        together = [one for one in ("train", "val", "test") if self.file(one) == path]
        files = dict[Path, Any]()
        for file, key in self.located(folder, split):
            if (other := files.setdefault(file, key)) != key:
                raise UserError(
                    f"{path} has two images, {other} and {key}, of one file, {file}: which shapes are meant is not "
                    "clear. Give each file one image with all of its shapes."
                )
        known = {
            name: (on_disk(folder / file), key)
            for name, (file, key) in zip(names_of(files), files.items(), strict=True)
        }
        names = self.share(known, split, together)
        return [Pair(name, known[name][0], Path(f"{path}#{known[name][1]}")) for name in sorted(names)]

    def located(self, folder: Path, split: str) -> list[tuple[Path, Any]]:
        """Files relative to a folder with their images' ids: as they are written, or by name, where none is there."""
        files = [(written_path(one), key) for key, one in self.table(split)["images"].items()]
        if any(inside(file) and on_disk(folder / file).is_file() for file, _ in files):
            return files
        return [(Path(file.name), key) for file, key in files]

    def file_of(self, mask: Path) -> Path:
        """The file of annotations."""
        return Path(str(mask).rpartition("#")[0])

    @cached_property
    def tools(self) -> Any:
        """pycocotools, which is an extra."""
        return import_extra("pycocotools.mask", "data", "Reading COCO annotations")

    def decode_mask(self, path: Path) -> Mask:
        """Draw the shapes of one image."""
        file, _, key = str(path).rpartition("#")
        table = self.tables[file]
        image, names = table["by_text"][key], table["names"]
        height, width = int(image["height"]), int(image["width"])
        mask = self.blank(height, width)
        drawn = [(shape, self.region(shape, height, width, path)) for shape in table["shapes"][image["id"]]]
        for shape, region in drawn:
            if shape.get("iscrowd"):
                mask[region] = VOID
        singles = [(shape, region) for shape, region in drawn if not shape.get("iscrowd")]
        for shape, region in sorted(singles, key=lambda one: -int(one[1].sum())):
            name = names.get(shape["category_id"])
            if name in self.chosen:
                mask[region] = self.index[name]
            elif name is None or name not in {*self.table("train")["names"].values()}:
                self.label(str(name), path)
        return mask

    def region(self, shape: dict[str, Any], height: int, width: int, where: Path) -> Any:
        """The pixels (H, W) of a shape, bool."""
        drawn = shape.get("segmentation")
        if not drawn:
            raise UserError(f"Annotation {shape.get('id')} of {where} has no segmentation, only a box perhaps.")
        try:
            if isinstance(drawn, list):
                runs = self.tools.merge(self.tools.frPyObjects(drawn, height, width))
            elif isinstance(drawn["counts"], list):
                runs = self.tools.frPyObjects(drawn, height, width)
            else:
                runs = drawn
            region = np.asarray(self.tools.decode(runs), bool)
        except Exception as error:  # pycocotools raises bare ones
            raise UserError(f"Annotation {shape.get('id')} of {where} cannot be drawn: {error}.") from error
        if region.shape != (height, width):
            raise UserError(
                f"Annotation {shape.get('id')} of {where} is {region.shape[1]}x{region.shape[0]}, its image "
                f"{width}x{height}. A mask must have its image's size."
            )
        return region


def written_path(image: dict[str, Any]) -> Path:
    """The file that an image names; Windows writes its paths with backslashes."""
    return Path(str(image["file_name"]).replace("\\", "/"))


def names_of(files: Collection[Path]) -> list[str]:
    """What images are called: their files without suffix, unless two differ in nothing else."""
    stems = Counter(file.with_suffix("") for file in files)
    return [str(file if stems[file.with_suffix("")] > 1 else file.with_suffix("")) for file in files]


def inside(path: Path) -> bool:
    """Whether a path stays within the folder it is seen from."""
    return not path.is_absolute() and ".." not in path.parts
