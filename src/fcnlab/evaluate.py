"""Score a checkpoint on a split: ``python -m fcnlab.evaluate checkpoint=runs/<name>/checkpoints/best.ckpt split=test``.

Expect the scores that training reported, to the last digit, on the same machine. The checkpoint tells net and data;
what you override wins: ``data.root=...`` elsewhere, ``data=folder`` for another data set of the same classes, which
is normalised as the net was trained (``data.mean``, ``std``, ``order`` and ``scale`` can be overridden too). A net from
elsewhere needs both named: ``checkpoint=fcn8s_from_caffe.pth model=fcn8s data=voc``.

Examples::

    python -m fcnlab.evaluate checkpoint=runs/NAME/checkpoints/best.ckpt
    python -m fcnlab.evaluate checkpoint=runs/NAME/checkpoints/best.ckpt split=val output=scored
    python -m fcnlab.evaluate -m checkpoint=runs/NAME/checkpoints/best.ckpt,runs/NAME/checkpoints/last.ckpt

Read on: src/fcnlab/task/README.md (evaluation, prediction), src/fcnlab/data/README.md (data sets).
"""

from omegaconf import DictConfig

from fcnlab.cli.command import command
from fcnlab.model.choices import checkpoint_choices
from fcnlab.sweep.jobs import Sweep


def evaluate(cfg: DictConfig) -> dict[str, float]:
    """Score ``cfg.checkpoint`` on ``cfg.split``; returns the scores by metric key, ``<split>/<name>``."""
    from pathlib import Path

    from fcnlab.callbacks.image_results import ImageResults
    from fcnlab.callbacks.listen import Listen
    from fcnlab.callbacks.signals import Signals
    from fcnlab.cli.compose import build, plain
    from fcnlab.cli.terminal import say
    from fcnlab.cli.validation import refuse_partial
    from fcnlab.data.heads import class_names
    from fcnlab.error import UserError
    from fcnlab.model.exported import is_exported
    from fcnlab.run.files import writable, write_json
    from fcnlab.run.tables import score_table
    from fcnlab.task.build import load_task, see_otherwise
    from fcnlab.trainer.build import build_trainer, need_step, refusals
    from fcnlab.trainer.precision import prefers_channels_last

    config = plain(cfg)
    if is_exported(config["checkpoint"]):
        raise UserError(
            f"checkpoint={config['checkpoint']} is an exported net, which knows no data to be scored on. Give the "
            "checkpoint it came from; fcnlab.predict takes it as it is."
        )
    refuse_partial(config["trainer"], "test")
    output = Path(config["output"]).expanduser() if config["output"] else None
    if output and (output / "record.json").is_file():
        raise UserError(
            f"output={config['output']} is the folder of a run, whose own scores would be lost. Name another folder."
        )
    if output:
        writable(output, "output")
    data = build(config["data"])
    data.test_split = config["split"]
    task, facts, _ = load_task(config, channels_last=prefers_channels_last(config), trust=config["trust"], data=data)
    own, trained = class_names(data.facts()), class_names(facts)
    for head in dict.fromkeys([*trained, *own]):
        if own.get(head) != (known := trained.get(head)):
            of = "" if head == "out" else f" of head {head}"
            told, have = (f"{len(n)} classes ({', '.join(n)})" if n else "none" for n in (known, own.get(head)))
            raise UserError(
                f"checkpoint={config['checkpoint']} knows {told}{of}, data={data.name} has {have}. Score it on data of "
                "the same classes."
            )
    see_otherwise(task, tile=config["tile"], tta=config["tta"])
    need_step(task, "test_step")
    signals = Signals()
    callbacks = [Listen(signals), *([ImageResults(output, data)] if output else [])]
    trainer = build_trainer(config["trainer"], callbacks=callbacks, logger=False)
    with signals, refusals():
        trainer.test(task, datamodule=data, verbose=False)

    scores = {k.replace("test", config["split"], 1): v.item() for k, v in trainer.callback_metrics.items()}
    title = f"{config['checkpoint']} on {data.name}, {config['split']}, {len(data.names(config['split']))} images"
    (batches,), whole = trainer.num_test_batches, len(data.test_dataloader())
    score_table(title if batches == whole else f"{title}: {batches} of {whole} batches of them", scores)
    if output:
        write_json(output / "metrics.json", scores)
        say(f"Scores, counts and predictions: {output}")
    return scores


main = command(evaluate, jobs=Sweep, choices=checkpoint_choices)

if __name__ == "__main__":
    main()
