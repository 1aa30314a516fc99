"""Score a checkpoint on a split: ``python -m fcnlab.evaluate checkpoint=runs/<name>/checkpoints/best.ckpt split=test``.

Expect the scores that training reported, to the last digit, on the same machine. The checkpoint tells net and data;
what is typed overrides it: ``data.root=...`` elsewhere, ``data=folder`` for another data set of the same classes, which
is normalised as the net was trained (``data.mean``, ``std``, ``order`` and ``scale`` can be typed too). A net from
elsewhere needs both named: ``checkpoint=fcn8s_from_caffe.pth model=fcn8s data=voc``.
"""

from omegaconf import DictConfig

from fcnlab.command import command


def evaluate(cfg: DictConfig) -> dict[str, float]:
    """Score ``cfg.checkpoint`` on ``cfg.split``; returns the scores by metric key, ``<split>/<name>``."""
    from pathlib import Path

    from fcnlab.checkpoint import load_checkpoint
    from fcnlab.compose import build, plain
    from fcnlab.data.datamodule import SPLITS
    from fcnlab.error import UserError, nearest
    from fcnlab.evidence import Evidence
    from fcnlab.foreign import adopt, is_foreign
    from fcnlab.model.exported import is_exported
    from fcnlab.report import say, score_table
    from fcnlab.task import SegmentationTask
    from fcnlab.trainer import build_trainer, prefers_channels_last
    from fcnlab.whole import write_json

    config = plain(cfg)
    if is_exported(config["checkpoint"]):
        raise UserError(
            f"checkpoint={config['checkpoint']} is an exported net, which knows no data to be scored on. Give the "
            "checkpoint it came from; fcnlab.predict takes it as it is."
        )
    if config["split"] not in SPLITS:
        raise UserError(f"split={config['split']} is not known. {nearest(config['split'], SPLITS)}")
    output = Path(config["output"]).expanduser() if config["output"] else None
    if output and (output / "record.json").is_file():
        raise UserError(
            f"output={config['output']} is the folder of a run, whose own scores would be lost. Name another folder."
        )
    data = build(config["data"])
    path = config["checkpoint"]
    # What is built stands in cfg, checked where it came from.
    saved = adopt(config, data) if is_foreign(path) else load_checkpoint(path, build=())
    data.test_split = config["split"]
    if list(data.class_names) != saved["fcnlab"]["class_names"]:
        raise UserError(
            f"checkpoint={config['checkpoint']} knows {len(saved['fcnlab']['class_names'])} classes "
            f"({', '.join(saved['fcnlab']['class_names'])}), data={data.name} has {len(data.class_names)} "
            f"({', '.join(data.class_names)}). Score it on data of the same classes."
        )
    task = SegmentationTask.from_checkpoint(
        saved,
        net=build(config["model"], num_classes=len(data.class_names)),
        loss=build(config["loss"], num_classes=len(data.class_names)),
        channels_last=prefers_channels_last(config),
    )
    callbacks = [Evidence(output, data)] if output else []
    trainer = build_trainer(config["trainer"], callbacks=callbacks, logger=False)
    trainer.test(task, datamodule=data, verbose=False)

    scores = {k.replace("test", config["split"], 1): v.item() for k, v in trainer.callback_metrics.items()}
    score_table(f"{config['checkpoint']} on {data.name}, {config['split']}", scores)
    if output:
        write_json(output / "metrics.json", scores)
        say(f"Scores, counts and pictures: {output}")
    return scores


@command("evaluate", from_checkpoint=True)
def main(cfg: DictConfig) -> dict[str, float]:
    """Command line entry."""
    return evaluate(cfg)


if __name__ == "__main__":
    main()
