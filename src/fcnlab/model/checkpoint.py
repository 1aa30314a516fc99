"""Reading a checkpoint: it holds tensors and plain values only, runs no code, and builds only what conf/ lists."""

import math
import zipfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from fcnlab.cli.compose import CONF
from fcnlab.error import UserError

FORMAT = 2  # raised when an older fcnlab could no longer read what a newer one writes
SECTIONS = ("task", "data", "model", "loss", "metrics")  # of a checkpoint's config: objects are built from them
OTHERS = {  # what lies where a file of tensors should be, by its first bytes
    b"version https://git-lfs": "it is a pointer of Git LFS; git lfs pull fetches the file itself.",
    b"<": "it is a web page; download the file behind it.",
    b"\x1f\x8b": "it is compressed by gzip; unpack it first.",
}
HARMLESS = ("_partial_", "_recursive_", "_convert_")  # of Hydra's instructions: they name no code
INPUT = ("mean", "std", "order", "scale")  # the facts that tell what input the net was trained with
# What is for training only, or would let a stranger's checkpoint fetch files: never taken from a checkpoint.
LEFT_OUT: dict[str, dict[str, Any]] = {"data": {"augment": [], "download": False}}
# What a net would fetch weights by, which its checkpoint replaces.
FETCHES = {"pretrained": False, "encoder_weights": None, "weights": None, "weights_backbone": None}


def load_checkpoint(
    path: str | Path, *, build: Collection[str] = SECTIONS, trust: Collection[str] = ()
) -> dict[str, Any]:
    """The content of a checkpoint of fcnlab: ``state_dict`` and, under ``fcnlab``, config and facts.

    Args:
        build: the sections of its config from which objects will be built; what they ask for is checked.
        trust: packages of one's own, from which they may ask for classes too.

    Raises:
        UserError: it is broken, foreign, written by a newer fcnlab, or asks for what conf/ does not list.
    """
    content: dict[str, Any] = read_content(path)
    saved = content.get("fcnlab") if isinstance(content, dict) else None
    if not isinstance(saved, dict) or not isinstance(saved.get("config"), dict):
        raise UserError(
            f"checkpoint={path} was not written by fcnlab: it has no config. Name the net and the data beside it "
            "(model=... data=...), or use one that fcnlab.train wrote."
        )
    if (found := saved.get("format", FORMAT)) != FORMAT:
        raise UserError(
            f"checkpoint={path} has format {found!r}; this fcnlab reads format {FORMAT}. Use the fcnlab that wrote it, "
            "or a newer one."
        )
    if lacking := [section for section in SECTIONS if not isinstance(saved["config"].get(section), dict)]:
        raise UserError(
            f"checkpoint={path} is damaged: its config has no {', '.join(lacking)}. Use one that fcnlab.train wrote."
        )
    for section in build:
        for problem in foreign(section, saved["config"].get(section), trust):
            raise UserError(
                f"checkpoint={path} {problem}. From a checkpoint only what conf/{section} lists is built: "
                f"{', '.join(sorted(listed(section)))}. If the code is yours, say so: trust=[its package]."
            )
    if wrong := next(faults(saved), None):
        raise UserError(f"checkpoint={path} is damaged: {wrong}. Use one that fcnlab.train wrote.")
    saved["config"]["model"] = fetching_nothing(saved["config"]["model"])
    return content


def fetching_nothing(node: Any) -> Any:
    """The config of a net that begins without weights of its library."""
    if not isinstance(node, dict):
        return node
    return {key: FETCHES[key] if key in FETCHES else fetching_nothing(value) for key, value in node.items()}


def read_content(path: str | Path) -> Any:
    """What ``torch.save`` put into a file, if it is whole and holds tensors and plain values only."""
    import torch

    file = Path(path).expanduser()
    if not file.is_file():
        raise UserError(f"There is no file checkpoint={path}. Expected runs/<name>/checkpoints/best.ckpt.")
    try:
        with zipfile.ZipFile(file) as archive:  # torch reads without looking at the checksums
            if broken := archive.testzip():
                raise zipfile.BadZipFile(f"wrong checksum in {broken}.")
        return torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # what a broken or hostile file raises is not defined by torch
        raise UserError(
            f"Cannot read checkpoint={path}: {describe(error, file)} A checkpoint holds tensors and plain values only. "
            "Use one that fcnlab.train wrote; delete a broken last.ckpt to train from the start."
        ) from error


def describe(error: Exception, file: Path) -> str:
    """What a file is instead, where its beginning tells; else the line of the message that tells what was met."""
    try:
        with file.open("rb") as content:
            head = content.read(32)
    except OSError as unopened:
        return f"{unopened}."
    if told := next((told for begin, told in OTHERS.items() if head.startswith(begin)), "" if head else "it is empty."):
        return told
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if "GLOBAL" in line or "Unsupported" in line] or lines or [""]
    return f"{type(error).__name__}: {telling[0].rstrip('.')}."


def faults(saved: dict[str, Any]) -> Iterator[str]:
    """What is wrong with the facts that a checkpoint keeps beside its config."""
    heads = saved.get("heads", {})
    if not isinstance(heads, dict) or not all(isinstance(one, dict) for one in heads.values()):
        yield "its heads are no class names and palettes by name"
        return
    for name, one in heads.items():
        yield from (f"of head {name!r} {wrong}" for wrong in labelling_faults(one))
    yield from labelling_faults(saved)
    mean = saved.get("mean")
    for key in ("mean", "std"):  # a number for each channel
        if not is_numbers(saved.get(key), len(mean) if isinstance(mean, list | tuple) and mean else 3):
            yield f"its {key} is not one number for each channel"
    scale = saved.get("scale", 1.0)
    if saved.get("order", "RGB") not in ("RGB", "BGR") or not is_numbers([scale], 1) or not scale > 0:
        yield "its order is not RGB or BGR, or its scale is no number above 0"


def labelling_faults(saved: dict[str, Any]) -> Iterator[str]:
    """What is wrong with class names and palette."""
    names, palette = saved.get("class_names"), saved.get("palette")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        yield "it has no class names"
    elif any("${" in name for name in names):
        yield "a class name is an interpolation"
    elif not isinstance(palette, list) or len(palette) != len(names) or not all(is_colour(c) for c in palette):
        yield f"its palette does not hold three numbers of 0 to 255 for each of {len(names)} classes"


def refuse_no_numbers(source: str | Path, tensors: Mapping[str, Any]) -> None:
    """Raise UserError for weights that hold NaN or infinity: every pixel would silently get the first class."""
    wrong = [name for name, t in tensors.items() if t.is_floating_point() and not t.isfinite().all()]
    if wrong:
        raise UserError(
            f"{source} holds NaN or infinity in {', '.join(wrong[:3])}: its training had failed. Take a checkpoint "
            "from before."
        )


def is_numbers(value: Any, count: int) -> bool:
    """Whether this is a list of ``count`` finite numbers."""
    return (
        isinstance(value, list | tuple)
        and len(value) == count
        and all(isinstance(n, int | float) and math.isfinite(n) for n in value)
    )


def is_colour(value: Any) -> bool:
    """Whether this is a list of red, green and blue."""
    return is_numbers(value, 3) and all(type(n) is int and 0 <= n <= 255 for n in value)


def foreign(section: str, node: Any, trust: Collection[str] = (), position: str = "") -> Iterator[str]:
    """What a section of a stranger's config asks for that ``conf/<section>`` does not offer, first things first."""
    position = position or section
    if isinstance(node, dict):
        own = any(str(node.get("_target_")).startswith(f"{package}.") for package in trust)
        for key, value in node.items():
            if position == section and key in LEFT_OUT.get(section, {}):
                continue
            if key == "_target_":
                if not own and (not isinstance(value, str) or value not in listed(section)):
                    yield f"asks to build {value}"
            elif not isinstance(key, str) or (
                key.startswith("_") and key not in HARMLESS and not (own and key == "_args_")
            ):
                yield f"has an instruction {key!r} under {position}"
            else:
                yield from foreign(section, value, trust, f"{position}.{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from foreign(section, value, trust, f"{position}.{index}")
    elif isinstance(node, str) and "${" in node:
        yield f"has an interpolation {node!r} under {position}"
    elif not isinstance(node, str | int | float | None):
        yield f"has a {type(node).__name__} under {position}"


def listed(section: str) -> set[str]:
    """Every ``_target_`` in ``conf/<section>``, but for what a checkpoint never brings."""

    def walk(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            if "_target_" in node:
                yield str(node["_target_"])
            for key, value in node.items():
                if key not in LEFT_OUT.get(section, {}):
                    yield from walk(value)

    return {t for path in (CONF / section).rglob("*.yaml") for t in walk(yaml.safe_load(path.read_text()))}
