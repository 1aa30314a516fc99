"""Segment images: ``python -m fcnlab.predict checkpoint=runs/<name>/checkpoints/best.ckpt images=DIR output=DIR``.

Expect, for every image NAME, ``NAME.png`` (class indices, coloured by a palette), ``NAME_colour.png`` and
``NAME_overlay.png``, at the image's own size. ``checkpoint=model.onnx`` takes a net that ``fcnlab.export`` wrote.
"""

from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from fcnlab.command import command

if TYPE_CHECKING:
    from fcnlab.data.datamodule import SegmentationData
    from fcnlab.task import SegmentationTask


def predict(cfg: DictConfig) -> list[str]:
    """Segment every image of ``cfg.images``; returns the paths of the index masks."""
    from pathlib import Path

    from torch.utils.data import DataLoader

    from fcnlab.compose import plain
    from fcnlab.data.photos import Photos, find_photos
    from fcnlab.evidence import MaskWriter
    from fcnlab.report import say
    from fcnlab.trainer import build_trainer

    config = plain(cfg)
    task = load_task(config)
    files = find_photos(config["images"])
    pipeline = task.pipeline(config["data"]["image_size"])
    task.piece = checked_piece(config["piece"])
    writer = MaskWriter(Path(config["output"]).expanduser(), task.facts["palette"])
    writer.refuse_overwriting(files)
    trainer = build_trainer(config["trainer"], callbacks=[writer], logger=False)
    loader = DataLoader(Photos(files, pipeline), batch_size=None)
    trainer.predict(task, loader, return_predictions=False)

    say(f"{len(writer.written)} masks, with NAME_colour.png and NAME_overlay.png: {config['output']}")
    return [str(path) for path in writer.written]


def load_task(config: dict[str, Any], data: "SegmentationData | None" = None) -> "SegmentationTask":
    """The net of ``checkpoint`` and its facts: a checkpoint of fcnlab, one from elsewhere, or an exported net.

    Args:
        data: those of the config, where they are built already; only a net from elsewhere needs them.
    """
    from fcnlab.checkpoint import load_checkpoint
    from fcnlab.compose import build
    from fcnlab.foreign import adopt, is_foreign
    from fcnlab.loss import CrossEntropy
    from fcnlab.model.exported import ExportedNet, is_exported
    from fcnlab.task import SegmentationTask
    from fcnlab.trainer import prefers_channels_last

    path = config["checkpoint"]
    if is_exported(path):
        net = ExportedNet(path)
        loss = CrossEntropy(num_classes=len(net.facts["class_names"]))  # a task has one; predictions do not ask it
        return SegmentationTask(net=net, loss=loss, optim=None, facts=net.facts, config=config)
    # What is built stands in the config, checked where it came from.
    saved = adopt(config, data or build(config["data"])) if is_foreign(path) else load_checkpoint(path, build=())
    classes = len(saved["fcnlab"]["class_names"])
    return SegmentationTask.from_checkpoint(
        saved,
        net=build(config["model"], num_classes=classes),
        loss=build(config["loss"], num_classes=classes),
        channels_last=prefers_channels_last(config),
    )


def checked_piece(piece: object) -> int | None:
    """The side of a piece, if it fits the grids of the nets."""
    from fcnlab.error import UserError

    if piece is not None and (not isinstance(piece, int) or piece < 32 or piece % 32):
        raise UserError(f"piece={piece} must be a multiple of 32 pixels, the coarsest stride, or null.")
    return piece


@command("predict", from_checkpoint=True)
def main(cfg: DictConfig) -> list[str]:
    """Command line entry."""
    return predict(cfg)


if __name__ == "__main__":
    main()
