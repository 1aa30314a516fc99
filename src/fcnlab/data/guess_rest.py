"""What a guess does not read: images without masks, files beside those that it reads, and folders it cannot."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from fcnlab.data.guess_files import image_files
from fcnlab.data.guess_pairs import Layout
from fcnlab.data.guess_values import MOST, mask_like
from fcnlab.data.images import IMAGE_SUFFIXES
from fcnlab.data.layout import Template, folders
from fcnlab.data.masks import read_mask_file
from fcnlab.error import UserError

SHOWN = 6  # folders in a message
OTHERS = {  # by suffix, what to do with files that are no images
    (".json", ".xml", ".txt", ".ndjson"): "export them anew as COCO (polygons), or as masks in PNG",
    (".npy",): "as masks they are read; save images as PNG or TIFF",
    (".npz", ".mat", ".h5", ".pkl", ".pt"): "save each mask as .npy or PNG: (H, W) whole numbers",
    (".dcm", ".nii", ".gz", ".mha", ".nrrd"): "save each slice as PNG or TIFF, its labels too",
    (".mp4", ".avi", ".mov", ".mkv"): "save the frames as PNG",
    (".zip", ".tar", ".tgz", ".rar", ".7z"): "unpack them",
    (".parquet", ".arrow"): "data=huggingface reads them",
}


def unmasked(root: Path, layout: Layout) -> list[Path]:
    """The images of a guess whose masks are not there."""
    found = []
    if "{split}" in layout.masks and "{split}" not in layout.images:
        return []  # each split leaves out the images of the others
    for word in layout.spelled or ("",):
        try:
            masks = Template(layout.masks, "masks").find(root, word)
            drawn = {mask.path for mask in masks.values()}
            images = Template(layout.images, "images").find(root, word, drawn)
        except UserError:  # told when it is read
            continue
        found += [image.path for key, image in images.items() if key not in masks]
    return found


def folder_names(root: Path, layout: Layout) -> Iterator[str]:
    """A line that tells what {folder} stands for."""
    for at, part in enumerate(layout.images.split("/")):
        if part.startswith("{folder"):
            names = sorted({image.relative_to(root).parts[at] for image, _ in layout.pairs.values()})
            yield f"# {part}: {', '.join(names[:SHOWN])}{', ...' * (len(names) > SHOWN)}"


def unread(root: Path, layout: Layout) -> Iterator[str]:
    """A line for each folder with files that a guess does not read."""
    read = {path for pair in layout.pairs.values() for path in pair}
    left = {
        folder: [path for path in files.values() if path not in read] for folder, files in image_files(root).items()
    }
    some = [(folder, paths) for folder, paths in left.items() if paths]
    for folder, paths in some[:SHOWN]:
        told = ", masks too perhaps: one file must hold all classes of an image" if mask_like(paths[0]) else ""
        yield f"# not read: {len(paths)} files of {'/'.join(folder.parts) or '.'}/, as {paths[0].name}{told}"
    if len(some) > SHOWN:
        yield f"# not read: files of {len(some) - SHOWN} more folders"


def nothing_found(root: Path) -> UserError:
    """An error that tells what was looked at, and what to do with it."""
    found = image_files(root)
    kinds = [f"{'/'.join(one.parts) or '.'}/ ({len(files)} images)" for one, files in found.items()]
    faults = [fault for files in found.values() if (fault := fault_of(next(iter(files.values()))))]
    suffixes = Counter(
        path.suffix.lower() for folder, _ in folders(root) for path in folder.iterdir() if not path.name.startswith(".")
    )
    advice = [
        f"{sum(suffixes[one] for one in group)} files {', '.join(one for one in group if suffixes[one])}: {what}."
        for group, what in OTHERS.items()
        if any(suffixes[one] for one in group)
    ]
    more = f" and {len(kinds) - SHOWN} more" if len(kinds) > SHOWN else ""
    own = "Write data.images and data.masks yourself, as '{name}/img.png' where each image has a folder."
    advice += [*faults[:1], own] if any(suffixes[one] for one in IMAGE_SUFFIXES) else []
    return UserError(
        f"Found no images with masks of the same names under {root}, and no annotations of COCO, LabelMe or YOLO: "
        f"{', '.join(kinds[:SHOWN]) or 'no image file at all'}{more}. A mask is one file for all classes of one image, "
        f"with at most {MOST} labels or colours, or nearly all black and white. {' '.join(advice)}".strip()
    )


def fault_of(path: Path) -> str:
    """What keeps a file from being a mask, if anything does."""
    try:
        read_mask_file(path, lossy=True)
    except UserError as error:
        return str(error)
    return ""
