"""An exported net: onnxruntime instead of the FCN that it was made from."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from fcnlab.error import UserError, import_extra
from fcnlab.model.checkpoint import faults, is_numbers

# What the file's metadata tell, as JSON.
FACTS = ("class_names", "palette", "mean", "std", "order", "scale", "image_size")


def is_exported(path: str | Path) -> bool:
    """Whether a checkpoint is an exported net, by its name."""
    return Path(path).suffix == ".onnx"


def read_facts(path: str | Path, metadata: Mapping[str, str]) -> dict[str, Any]:
    """The facts in a file's metadata. Raises UserError where they are not what ``fcnlab.export`` writes.

    The file may be a stranger's and its image_size becomes a word for Hydra, which would run an interpolation.
    """
    try:
        facts = {key: json.loads(metadata[key]) for key in FACTS}
    except (ValueError, RecursionError) as error:
        wrong: str | None = f"its metadata are no JSON ({error})"
    else:
        wrong = next(faults(facts), None)
        size = facts["image_size"]
        if size is not None and not (is_numbers(size, 2) and all(type(side) is int and side > 0 for side in size)):
            wrong = f"its image_size is {size!r}, not null or [height, width]"
    if wrong:
        raise UserError(f"checkpoint={path} is damaged: {wrong}. Use one that fcnlab.export wrote.")
    return facts


class ExportedNet(nn.Module):
    """Score every pixel with a file of ``fcnlab.export``: image (N, 3, H, W) -> logits (N, C, H, W), any H and W >= 1.

    It runs on the CPU, where the export was checked.

    Attributes:
        facts: class names, palette, normalisation and image_size, as in a checkpoint.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        runtime = import_extra("onnxruntime", "export", "An exported net")
        file = Path(path).expanduser()
        if not file.is_file():
            raise UserError(f"There is no file checkpoint={path}. Expected a model.onnx that fcnlab.export wrote.")
        try:
            self.session = runtime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        except Exception as error:  # what a broken file raises is not defined by onnxruntime
            raise UserError(f"Cannot read checkpoint={path}: {error} Export the net again.") from error
        metadata = self.session.get_modelmeta().custom_metadata_map
        if missing := [key for key in FACTS if key not in metadata]:
            raise UserError(
                f"checkpoint={path} was not written by fcnlab.export: its metadata lack {', '.join(missing)}. Use one "
                "that it wrote."
            )
        self.facts = read_facts(path, metadata)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits (N, C, H, W) on the image's device."""
        (logits,) = self.session.run(None, {"image": image.float().cpu().contiguous().numpy()})
        return torch.from_numpy(logits).to(image.device)
