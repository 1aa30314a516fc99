"""A guess at a folder of annotations, in the formats of COCO, LabelMe and YOLO: the YAML that would draw them."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fcnlab.data.coco import names_of, written_path
from fcnlab.data.guess_lines import SPLITS, fractions, quoted
from fcnlab.data.guess_splits import WORD, split_of
from fcnlab.data.labelme import BACKGROUND, IGNORED
from fcnlab.data.layout import folders
from fcnlab.data.spelling import on_disk
from fcnlab.data.yolo import is_image, read_names
from fcnlab.error import UserError

Lines = list[str] | None
OF_COCO = {"train": 0.9, "val": 0.1, "test": 0.2}  # what conf/data/coco.yaml says


def guess_annotations(root: Path) -> Lines:
    """The lines of the YAML; None where there are no annotations."""
    return next(filter(None, (attempt(root) for attempt in ATTEMPTS)), None)


def guess_coco(root: Path) -> Lines:
    """Files with images, categories and annotations; each belongs to the split in its name."""
    most, files, images, names = dict[str, int](), dict[str, str](), dict[str, str](), dict[str, list[str]]()
    unread = list[str]()
    for path in found(root, ".json"):
        content = read(path)
        if not (isinstance(content, dict) and {"images", "annotations", "categories"} <= {*content}):
            if isinstance(content, dict) and "shapes" in content:
                return None
            continue
        split = next(filter(None, map(split_of, WORD.findall(str(path.relative_to(root)))[::-1])), "train")
        first = next(map(written_path, content["images"]), None)
        tried = (first, Path(first.name)) if first else ()
        found_by = next(
            ((file, one) for file in tried for one, _ in folders(root) if on_disk(one / file).is_file()), None
        )
        if not found_by:
            continue
        file, folder = found_by
        unread.append(relative(path, root))
        if len(content["annotations"]) >= most.get(split, 0):
            most[split], files[split] = len(content["annotations"]), relative(path, root)
            images[split] = relative(folder, root)
            written = [written_path(one) for one in content["images"]]
            names[split] = names_of(written if file == first else [Path(one.name) for one in written])
    if not files:
        return None
    if "train" not in files:
        largest = max(files, key=lambda split: most[split])
        files["train"], images["train"], names["train"] = files.pop(largest), images[largest], names[largest]
    lines = [*head("coco", root), *(f"# not read: {file}" for file in unread if file not in files.values())]
    for key, some in (("annotations", files), ("images", {split: images[split] for split in files})):
        lines.append(f"{key}: {{{', '.join(f'{split}: {text(some.get(split))}' for split in SPLITS)}}}")
    shared = [split for split in SPLITS if split == "train" or split not in files]
    return [*lines, *fractions(names["train"], shared, OF_COCO)]


def guess_labelme(root: Path) -> Lines:
    """JSON files with shapes, in folders of splits or together."""
    contents = {path: read(path) for path in found(root, ".json")}
    shapes = {path: one["shapes"] for path, one in contents.items() if isinstance(one, dict) and "shapes" in one}
    if not shapes:
        return None
    names = {str(shape["label"]) for some in shapes.values() for shape in some}
    classes = ", ".join(text(name) for name in sorted(names - {IGNORED, BACKGROUND}))
    folder = Path(os.path.commonpath([path.parent for path in shapes]))
    within = [path.relative_to(folder) for path in shapes]
    words = {one.parts[0]: split for one in within if len(one.parts) > 1 and (split := split_of(one.parts[0]))}
    lines, shared = head("labelme", root), [*SPLITS]
    if "train" in words.values() and len(words) > 1 and {one.parts[0] for one in within} == {*words}:
        called = {split: word for word, split in words.items()}
        own = [split for split in SPLITS if split in called]
        called |= {split: called["train"] for split in SPLITS if split not in called}
        lines.append(f"splits: {{{', '.join(f'{split}: {text(called[split])}' for split in SPLITS)}}}")
        within = [one for one in within if one.parts[0] == called["train"]]
        within = [one.relative_to(called["train"]) for one in within]
        shared = ["train", *(split for split in SPLITS if split not in own)]
        folder = folder / "{split}"
    others = [relative(path, root) for path in contents if path not in shapes and path.is_relative_to(folder)]
    if others:
        lines.append(f"# {others[0]} is none of LabelMe's: move it away, and others like it")
    names_in = ["_".join(one.with_suffix("").parts) for one in within]
    shares = fractions(names_in, shared) if len(shared) > 1 else ()
    return [*lines, f"annotations: {text(relative(folder, root))}", f"classes: [{classes}]", *shares]


def guess_yolo(root: Path) -> Lines:
    """A file of names, and folders called images and labels: within those of the splits, or the other way round.

    Or images and text files together; then the text files hold polygons.
    """
    files = sorted(path for path in [*root.glob("*"), *root.glob("*/*")] if path.suffix.lower() in NAMES_IN)
    names = [path for path in files if path.suffix in (".yaml", ".yml") and names_classes(path)]
    names += [path for path in files if path.name.lower() in ("classes.txt", "obj.names", "labels.txt")]
    if not names:
        return None
    for images, labels, pattern in YOLOS:
        texts = [path for path in sorted(root.glob(pattern)) if path not in names]
        if "{split}" not in labels:
            called = dict.fromkeys(SPLITS, "train")
            if not any(map(has_polygon, texts)):
                continue
        else:
            at = labels.split("/").index("{split}")
            spelled = {path.relative_to(root).parts[at] for path in texts}
            called = {split: word for word in sorted(spelled) if (split := split_of(word))}
            if "train" not in called or (images == labels and not any(map(has_polygon, texts))):
                continue
            called = {split: called.get(split, called["train"]) for split in SPLITS}
        splits = ", ".join(f"{split}: {word}" for split, word in called.items())
        where = [f"images: {text(images)}", f"labels: {text(labels)}", f"splits: {{{splits}}}"]
        folder = root / images.format(split=called["train"])
        train = [path.stem for path in folder.glob("*") if is_image(path)]
        shares = fractions(train, [split for split in SPLITS if called[split] == called["train"]])
        return [*head("yolo", root), *where, f"classes: {text(relative(names[0], root))}", *shares]
    return None


def has_polygon(path: Path) -> bool:
    """Whether the first line of a text file is a class and the points of a polygon."""
    try:
        words = path.read_text().partition("\n")[0].split()
        return len([float(word) for word in words]) >= POLYGON
    except (OSError, ValueError):
        return False


NAMES_IN = (".yaml", ".yml", ".txt", ".names")
POLYGON = 7  # a class, and three points or more
YOLOS = (  # where images and text files lie
    ("images/{split}", "labels/{split}", "labels/*/*.txt"),
    ("{split}/images", "{split}/labels", "*/labels/*.txt"),
    ("images", "labels", "labels/*.txt"),
    ("{split}", "{split}", "*/*.txt"),
    (".", ".", "*.txt"),
)
ATTEMPTS: tuple[Callable[[Path], Lines], ...] = (guess_coco, guess_labelme, guess_yolo)


def head(kind: str, root: Path) -> list[str]:
    """The first lines."""
    return [f"defaults: [{kind}, _self_]", f"name: {kind}", f"root: {text(str(root.resolve()))}"]


def found(root: Path, suffix: str) -> Iterator[Path]:
    """Files with a suffix."""
    for folder, _ in folders(root):
        yield from sorted(path for path in folder.glob(f"*{suffix}") if not path.name.startswith("."))


def read(path: Path) -> Any:
    """A JSON file; None for what is none."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None


def names_classes(path: Path) -> bool:
    """Whether a YAML file names classes as YOLO's do."""
    try:
        return bool(read_names(path.name, path.parent))
    except UserError:
        return False


def relative(path: Path, root: Path) -> str:
    """A path as it is seen from the root."""
    return path.relative_to(root).as_posix()


def text(value: str | None) -> str:
    """A text, or null."""
    return "null" if value is None else quoted(value)
