"""Segment images: ``python -m fcnlab.predict checkpoint=runs/<name>/checkpoints/best.ckpt images=DIR output=DIR``.

Expect, for every image NAME, ``NAME.png`` (class indices, coloured by a palette), ``NAME_colour.png`` and
``NAME_overlay.png``, at the image's own size.
"""

from omegaconf import DictConfig

from fcnlab.command import command


def predict(cfg: DictConfig) -> list[str]:
    """Segment every image of ``cfg.images``; returns the paths of the index masks."""
    from pathlib import Path

    from torch.utils.data import DataLoader

    from fcnlab.checkpoint import load_checkpoint
    from fcnlab.compose import build, plain
    from fcnlab.data.photos import Photos, find_photos
    from fcnlab.data.transforms import Pipeline
    from fcnlab.evidence import MaskWriter
    from fcnlab.foreign import adopt, is_foreign
    from fcnlab.report import say
    from fcnlab.task import SegmentationTask
    from fcnlab.trainer import build_trainer, prefers_channels_last

    config = plain(cfg)
    path = config["checkpoint"]
    # What is built stands in cfg, checked where it came from.
    saved = adopt(config, build(config["data"])) if is_foreign(path) else load_checkpoint(path, build=())
    facts = saved["fcnlab"]
    files = find_photos(config["images"])
    normalisation = {key: facts[key] for key in ("mean", "std", "order", "scale") if key in facts}
    pipeline = Pipeline(image_size=config["data"]["image_size"], **normalisation)
    classes = len(facts["class_names"])
    task = SegmentationTask.from_checkpoint(
        saved,
        net=build(config["model"], num_classes=classes),
        loss=build(config["loss"], num_classes=classes),
        channels_last=prefers_channels_last(config),
    )
    writer = MaskWriter(Path(config["output"]), facts["palette"])
    trainer = build_trainer(config["trainer"], callbacks=[writer], logger=False)
    loader = DataLoader(Photos(files, pipeline), batch_size=None)
    trainer.predict(task, loader, return_predictions=False)

    say(f"{len(writer.written)} masks, with NAME_colour.png and NAME_overlay.png: {config['output']}")
    return [str(path) for path in writer.written]


@command("predict", from_checkpoint=True)
def main(cfg: DictConfig) -> list[str]:
    """Command line entry."""
    return predict(cfg)


if __name__ == "__main__":
    main()
