"""The files of images and masks under a folder, for a guess: by folder, split and name."""

from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from fcnlab.data.guess_splits import WORD, Key, literal, marked, spelling, tails_of
from fcnlab.data.images import MASK_SUFFIXES
from fcnlab.data.layout import folders
from fcnlab.data.spelling import nfc


class Folder(NamedTuple):
    """A folder, with {split} for a split's name; of its files those of one suffix, where others have the same names."""

    parts: tuple[str, ...]
    suffix: str = ""


def image_files(root: Path) -> dict[Folder, dict[Key, Path]]:
    """The files of images and masks under a folder, by folder, spelling of the split, and name."""
    seen = defaultdict[tuple[str, ...], list[tuple[str, Path]]](list)
    inside = [(folder, tuple(nfc(part) for part in folder.relative_to(root).parts)) for folder, _ in folders(root)]
    tails = tails_of({word for _, parts in inside for part in parts for word in WORD.findall(part)})
    for folder, parts in inside:
        words = (word for part in parts[::-1] for word in WORD.findall(part))
        spelled = next(filter(None, (spelling(word, tails) for word in words)), "")
        named = tuple(marked(literal(part), spelled, tails) for part in parts)
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() in MASK_SUFFIXES and not path.name.startswith("."):
                seen[named].append((spelled, path))
    found = defaultdict[tuple[str, ...], dict[Key, list[Path]]](lambda: defaultdict(list))
    for named, inner in seen.items():
        own = {spelled for spelled, _ in inner}
        told = not any({*WORD.findall(path.stem)} & own - {spelled} for spelled, path in inner)
        for spelled, path in inner:  # train in val/1_train_id.png tells no split, nor does it in train/2_train_id.png
            found[named][spelled, marked(nfc(path.stem), spelled if told else "", tails)].append(path)
    views = defaultdict[Folder, dict[Key, Path]](dict, own_folders(found))
    for parts, files in found.items():
        doubled = any(len(paths) > 1 for paths in files.values())
        for key, paths in files.items():
            for path in paths:
                views[Folder(parts, path.suffix.lower() if doubled else "")][key] = path
    return dict(views)


def own_folders(found: dict[tuple[str, ...], dict[Key, list[Path]]]) -> dict[Folder, dict[Key, Path]]:
    """Files of one name in a folder of each image, as 1_json/label.png; they are taken out of ``found``."""
    inner = defaultdict[tuple[str, ...], dict[str, dict[Key, Path]]](lambda: defaultdict(dict))
    for parts, files in found.items():
        for (split, stem), paths in files.items():
            if parts and "{" not in parts[-1] and not any(map(str.isdigit, stem)) and len(paths) == 1:
                inner[parts[:-1]][literal(stem)][split, parts[-1]] = paths[0]
    views = {
        Folder((*parent, "{name}", stem)): files
        for parent, stems in inner.items()
        for stem, files in stems.items()
        if len(files) > max(2, len(stems))
    }
    taken = {path for files in views.values() for path in files.values()}
    for parts, several in [*found.items()]:
        found[parts] = {key: left for key, paths in several.items() if (left := [p for p in paths if p not in taken])}
    return views
