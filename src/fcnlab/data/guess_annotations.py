"""A guess at a folder of annotations, in the formats of COCO, LabelMe and YOLO: the YAML that would draw them."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fcnlab.data.coco import names_of, written_path
from fcnlab.data.guess_lines import SPLITS, fractions, quoted
from fcnlab.data.guess_splits import WORD, split_of
from fcnlab.data.labelme import BACKGROUND, IGNORED
from fcnlab.data.layout import folders
from fcnlab.data.spelling import on_disk
from fcnlab.data.yolo import read_names
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
    """A folder of JSON files with shapes."""
    for folder, _ in folders(root):
        files = [path for path in sorted(folder.glob("*.json")) if not path.name.startswith(".")]
        if not files or "shapes" not in (read(files[0]) or {}):
            continue
        names = {str(shape["label"]) for path in files for shape in (read(path) or {}).get("shapes", [])}
        classes = ", ".join(text(name) for name in sorted(names - {IGNORED, BACKGROUND}))
        where = f"annotations: {text(relative(folder, root))}"
        return [*head("labelme", root), where, f"classes: [{classes}]", *fractions([p.stem for p in files], SPLITS)]
    return None


def guess_yolo(root: Path) -> Lines:
    """A YAML with names, and folders called images and labels: within those of the splits, or the other way round."""
    names = [path.name for path in sorted([*root.glob("*.yaml"), *root.glob("*.yml")]) if names_classes(path)]
    if not names:
        return None
    for images, labels, pattern in (
        ("images/{split}", "labels/{split}", "labels/*/*.txt"),
        ("{split}/images", "{split}/labels", "*/labels/*.txt"),
    ):
        spelled = {path.parts[-2 if pattern[0] == "l" else -3] for path in root.glob(pattern)}
        called = {split: word for word in sorted(spelled) if (split := split_of(word))}
        if "train" in called:
            called = {split: called.get(split, called["train"]) for split in SPLITS}
            splits = ", ".join(f"{split}: {word}" for split, word in called.items())
            where = [f"images: {text(images)}", f"labels: {text(labels)}", f"splits: {{{splits}}}"]
            train = [path.stem for path in (root / images.format(split=called["train"])).glob("*")]
            shares = fractions(train, [split for split in SPLITS if called[split] == called["train"]])
            return [*head("yolo", root), *where, f"classes: {text(names[0])}", *shares]
    return None


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
