"""Segment images: ``python -m fcnlab.predict checkpoint=runs/<name>/checkpoints/best.ckpt images=DIR output=DIR``.

Expect, for every image NAME, ``NAME.png`` (class indices, coloured by a palette), ``NAME_colour.png`` and
``NAME_overlay.png``, at the image's own size; of a further head ``NAME_HEAD.png`` and so on. ``checkpoint=model.onnx``
takes a net that ``fcnlab.export`` wrote.

Examples::

    python -m fcnlab.predict checkpoint=runs/NAME/checkpoints/best.ckpt images=photos output=masks
    python -m fcnlab.predict checkpoint=model.onnx images=photo.jpg output=masks
    python -m fcnlab.predict checkpoint=runs/NAME/checkpoints/best.ckpt images=aerial output=masks tile=512

Read on: src/fcnlab/task/README.md (evaluation, prediction, large images).
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

    from fcnlab.callbacks.listen import Listen
    from fcnlab.callbacks.mask_writer import MaskWriter
    from fcnlab.callbacks.signals import Signals
    from fcnlab.cli.compose import plain
    from fcnlab.cli.terminal import say
    from fcnlab.cli.validation import refuse_partial
    from fcnlab.data.heads import palettes
    from fcnlab.data.photos import Photos, find_photos
    from fcnlab.data.transforms import input_pipeline
    from fcnlab.error import UserError
    from fcnlab.run.distributed import gather
    from fcnlab.task.build import load_task, see_otherwise
    from fcnlab.trainer.allocator import bound_primitives
    from fcnlab.trainer.build import build_trainer, need_step, refusals
    from fcnlab.trainer.precision import prefers_channels_last

    config = plain(cfg)
    refuse_partial(config["trainer"], "predict")
    loaded = load_task(config, channels_last=prefers_channels_last(config), trust=config["trust"])
    files = find_photos(config["images"])
    pipeline = input_pipeline(loaded.facts, config["data"]["image_size"])
    see_otherwise(loaded.task, tile=config["tile"], tta=config["tta"])
    need_step(loaded.task, "predict_step")
    writer = MaskWriter(Path(config["output"]).expanduser(), palettes(loaded.facts))
    writer.refuse_overwriting(files)
    bound_primitives(0)  # most photos have a size of their own
    signals = Signals()
    trainer = build_trainer(config["trainer"], callbacks=[writer, Listen(signals)], logger=False)
    shared = files[trainer.global_rank :: trainer.world_size]  # each process has its own
    loaded.task.allow_zero_length_dataloader_with_multiple_devices = True  # more processes than photos
    loader = DataLoader(Photos(shared, pipeline, photo_reader(config, loaded.facts)), batch_size=None)
    with signals, refusals():
        trainer.predict(loaded.task, loader, return_predictions=False)

    written = sorted(str(path) for share in gather(writer.written) for path in share)
    whole = len(written) == len(files) * len(writer.palettes)  # else there was a limit, or broken ones
    of_all = "" if whole else f" of {len(files)} images"
    say(f"{len(written)} masks{of_all}, with NAME_colour.png and NAME_overlay.png: {config['output']}")
    if broken := [message for share in gather(writer.broken) for message in share]:
        listing = "\n".join(f"  {message}" for message in broken)
        raise UserError(f"{len(broken)} of {len(files)} images could not be read, and have no mask:\n{listing}")
    return written


def photo_reader(config: dict[str, Any], facts: dict[str, Any]) -> "ImageReader":
    """Images are read as in training, unless white, page or max_pixels is given."""
    from fcnlab.data.images import ImageReader

    keys = ("white", "page", "max_pixels")
    settings = {key: config["data"].get(key) if config.get(key) is None else config[key] for key in keys}
    return ImageReader(channels=len(facts["mean"]), prefix="", **settings)


main = command(predict, jobs=Sweep, choices=checkpoint_choices)

if __name__ == "__main__":
    main()
