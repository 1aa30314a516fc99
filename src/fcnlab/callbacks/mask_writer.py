"""The files that ``fcnlab.predict`` writes for each photo."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import PIL.Image

from fcnlab.cli.terminal import say
from fcnlab.error import UserError
from fcnlab.model.heads import by_name
from fcnlab.run.files import fitting, writable, write_png
from fcnlab.visualize import Palette, colour_mask, index_image, overlay


class MaskWriter(L.Callback):
    """Write every predicted mask as index PNG, in colour, and laid over its photo.

    Args:
        folder: where they go; made if need be.
        palettes: one RGB colour per class, by head; ``out`` is the first, whose files have no head in their names.
    """

    def __init__(self, folder: Path, palettes: Mapping[str, Palette]) -> None:
        self.folder, self.palettes = writable(folder, "output"), dict(palettes)
        self.written, self.broken = list[Path](), list[str]()

    def on_predict_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, *_: Any
    ) -> None:
        """Write one photo's label images, of every head; of one that could not be read, say why."""
        if "broken" in batch:
            self.broken.append(batch["broken"])
            say(f"Left out: {batch['broken']}")
            return
        photo, (name,) = np.asarray(batch["photo"]), batch["name"]
        for head, labels in by_name(outputs).items():
            mask, palette = labels[0].cpu().numpy().astype(np.uint8), self.palettes[head]
            index, colour, over = self.targets(name, head)
            write_png(index, index_image(mask, palette))
            write_png(colour, PIL.Image.fromarray(colour_mask(mask, palette)))
            write_png(over, PIL.Image.fromarray(overlay(photo, mask, palette)))
            self.written.append(index)

    def targets(self, name: str, head: str = "out") -> list[Path]:
        """Where the files of a photo go: labels, colours, overlay."""
        of = "" if head == "out" else f"_{head}"
        return [self.folder / fitting(name, f"{of}{kind}.png") for kind in ("", "_colour", "_overlay")]

    def refuse_overwriting(self, photos: Sequence[Path]) -> None:
        """Raise UserError if a file would overwrite a photo or another file of these; nothing is written."""
        own, taken = {photo.resolve(): photo for photo in photos}, dict[Path, Path]()
        for photo in photos:
            for target in [file for head in self.palettes for file in self.targets(photo.stem, head)]:
                if lost := own.get(target.resolve()) or taken.get(target):
                    raise UserError(
                        f"{target}, written for {photo}, would overwrite {lost} or what is written for it. Nothing was "
                        "written. Set output=... to another folder, or rename one of the two."
                    )
                taken[target] = photo
