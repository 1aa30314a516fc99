"""Reading a checkpoint: it holds tensors and plain Python only, and runs no code."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fcnlab.error import UserError


def load_checkpoint(path: str | Path) -> dict[str, Any]:
    """The content of a checkpoint of fcnlab: ``state_dict`` and, under ``fcnlab``, config and facts."""
    import torch

    file = Path(path).expanduser()
    if not file.is_file():
        raise UserError(f"There is no file checkpoint={path}. Expected runs/<name>/checkpoints/best.ckpt.")
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # what a broken or hostile file raises is not defined by torch
        raise UserError(
            f"Cannot read checkpoint={path}: {type(error).__name__}: {str(error).splitlines()[0]} A checkpoint holds "
            "tensors and plain values only. Use one that fcnlab.train wrote."
        ) from error
    if not isinstance(content, dict) or "fcnlab" not in content:
        raise UserError(
            f"checkpoint={path} was not written by fcnlab: it has no config. Name the net and the data beside it "
            "(model=... data=...), or use one that fcnlab.train wrote."
        )
    for target in targets(content["fcnlab"]["config"]):
        if not target.startswith(ALLOWED):
            raise UserError(
                f"checkpoint={path} asks to build {target}. From a checkpoint only {', '.join(ALLOWED)} are built; if "
                "the code is yours, name it on the command line (model=... or data=...)."
            )
    return content


ALLOWED = ("fcnlab.model.", "fcnlab.data.", "fcnlab.loss.", "fcnlab.optim.", "albumentations.", "torch.optim.")
BUILT = ("data", "model", "loss", "optim")  # the sections of a config from which objects are built


def targets(config: dict[str, Any]) -> Iterator[str]:
    """Every ``_target_`` in the sections from which objects are built."""

    def walk(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            if "_target_" in node:
                yield str(node["_target_"])
            node = list(node.values())
        if isinstance(node, list):
            for inner in node:
                yield from walk(inner)

    yield from walk([config.get(section) for section in BUILT])
