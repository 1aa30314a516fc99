"""Segment images: ``python -m fcnlab.predict checkpoint=runs/<name>/checkpoints/best.ckpt images=DIR output=DIR``.

Expect, for every image NAME, ``NAME.png`` (class indices, coloured by a palette), ``NAME_colour.png`` and
``NAME_overlay.png``, at the image's own size. ``checkpoint=model.onnx`` takes a net that ``fcnlab.export`` wrote.
"""

from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from fcnlab.cli.command import command
from fcnlab.model.choices import checkpoint_choices
from fcnlab.sweep.jobs import Sweep

if TYPE_CHECKING:
    from fcnlab.data.images import ImageReader


def predict(cfg: DictConfig) -> list[str]:
    """Segment every image of ``cfg.images``; returns the paths of the index masks."""
    from pathlib import Path

    from torch.utils.data import DataLoader

    from fcnlab.callbacks.mask_writer import MaskWriter
    from fcnlab.cli.compose import plain
    from fcnlab.cli.terminal import say
    from fcnlab.data.photos import Photos, find_photos
    from fcnlab.data.transforms import input_pipeline
    from fcnlab.error import UserError
    from fcnlab.task.build import load_task
    from fcnlab.trainer.build import build_trainer
    from fcnlab.trainer.precision import prefers_channels_last

    config = plain(cfg)
    loaded = load_task(config, channels_last=prefers_channels_last(config), trust=config["trust"])
    files = find_photos(config["images"])
    pipeline = input_pipeline(loaded.facts, config["data"]["image_size"])
    loaded.task.tile = checked_tile(config["tile"])  # type: ignore[assignment]
    writer = MaskWriter(Path(config["output"]).expanduser(), loaded.facts["palette"])
    writer.refuse_overwriting(files)
    trainer = build_trainer(config["trainer"], callbacks=[writer], logger=False)
    loader = DataLoader(Photos(files, pipeline, photo_reader(config, loaded.facts)), batch_size=None)
    trainer.predict(loaded.task, loader, return_predictions=False)

    say(f"{len(writer.written)} masks, with NAME_colour.png and NAME_overlay.png: {config['output']}")
    if writer.broken:
        listing = "\n".join(f"  {message}" for message in writer.broken)
        raise UserError(f"{len(writer.broken)} of {len(files)} images could not be read, and have no mask:\n{listing}")
    return [str(path) for path in writer.written]


def photo_reader(config: dict[str, Any], facts: dict[str, Any]) -> "ImageReader":
    """Images are read as in training, unless white, page or max_pixels is given."""
    from fcnlab.data.images import ImageReader

    keys = ("white", "page", "max_pixels")
    settings = {key: config["data"].get(key) if config.get(key) is None else config[key] for key in keys}
    return ImageReader(channels=len(facts["mean"]), prefix="", **settings)


def checked_tile(tile: object) -> int | None:
    """The side of a tile, if it fits the grids of the nets."""
    from fcnlab.error import UserError

    if tile is not None and (not isinstance(tile, int) or tile < 32 or tile % 32):
        raise UserError(f"tile={tile} must be a multiple of 32 pixels, the coarsest stride, or null.")
    return tile


@command("predict", jobs=Sweep, choices=checkpoint_choices)
def main(cfg: DictConfig) -> list[str]:
    """Command line entry."""
    return predict(cfg)


if __name__ == "__main__":
    main()
