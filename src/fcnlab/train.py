"""Train one model from one config: ``python -m fcnlab.train experiment=shapes model=fcn8s``.

Expect a run folder ``runs/<name>`` with config, record, scores, history, checkpoints and predictions, and a table of
scores at the end. Give the same command again: a finished run is not trained again, an interrupted one goes on.

Examples::

    python -m fcnlab.train experiment=shapes model=fcn8s
    python -m fcnlab.train data=folder data.root=DIR epochs=40 optim.lr=1e-3
    python -m fcnlab.train -m experiment=shapes model=fcn32s,fcn16s,fcn8s seed=0,1

Read on: conf/README.md (settings), src/fcnlab/run/README.md (run folders), src/fcnlab/sweep/README.md (sweeps).
"""

from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from fcnlab.cli.command import command
from fcnlab.sweep.jobs import Sweep

if TYPE_CHECKING:  # torch loads when a training starts, not when help is asked for
    from pathlib import Path

    import lightning as L
    from torch import nn

    from fcnlab.data.datamodule import SegmentationData
    from fcnlab.run.record import Result, Run


def train(cfg: DictConfig) -> "Result":
    """Train, test and record one run; returns the content of its metrics.json."""
    import lightning as L

    from fcnlab.callbacks.signals import Signals
    from fcnlab.cli.terminal import say
    from fcnlab.cli.validation import refuse_contradictions
    from fcnlab.logger.build import build_loggers, send_result
    from fcnlab.model.checkpoint import load_checkpoint  # which refuses a broken one with a message
    from fcnlab.run.record import Run
    from fcnlab.run.staged_start import refuse_other_data, resolve, start_run
    from fcnlab.run.tables import show_scores
    from fcnlab.trainer.build import build_trainer, does, refusals
    from fcnlab.trainer.callbacks import run_callbacks
    from fcnlab.trainer.compiler import refuse_without_compiler
    from fcnlab.trainer.rehearsal import rehearse
    from fcnlab.trainer.take_over import take_over

    config = resolve(cfg)
    refuse_contradictions(config)
    run = Run(config)
    if run.is_done(config["rerun"]):
        if run.is_of_other_files(today_stamp(config)):
            run.check_data(prepare_data(config)[1])
        show_scores(run, run.metrics())
        return run.metrics()

    if config["compile"]:
        refuse_without_compiler(config["trainer"]["accelerator"])
    goes_on = bool(run.last_checkpoint or config["ckpt_path"])  # and then asks for nothing that it started from
    start = None if goes_on else start_run(cfg)
    with run, Signals() as signals:
        L.seed_everything(config["seed"], verbose=False)
        with refusals():
            loggers = build_loggers(config["logger"], run)  # first, so that they are told of a failure too
        data, fingerprint = prepare_data(config)
        run.check_data(fingerprint)
        if start:
            refuse_other_data(start, fingerprint)
        run.write(fingerprint=fingerprint, stamp=data.stamp(), class_names=list(data.class_names))
        task = make_task(config, data, start, goes_on=goes_on)
        callbacks = run_callbacks(run, data, config, loggers, signals)
        does(task, "validation_step")
        trainer = build_trainer(config["trainer"], callbacks=callbacks, logger=loggers or False)
        with refusals():
            rehearse(task, data, trainer, config)
        run.describe(trainer, task)
        now = run.record
        say(f"Run {run.name}: {now['parameters']:,} parameters, {now['precision']}, on {now['device']}.")

        if run.last_checkpoint:
            for path in {run.last_checkpoint, run.scored_checkpoint()}:
                refuse_foreign(run, path, load_checkpoint(path, build=())["fcnlab"]["config"])
            say(f"Going on from {run.last_checkpoint}.")
        if run.anew:
            run.begin()
        with refusals():
            if config["train"]:
                begin = run.last_checkpoint or take_over(run, task)
                trainer.fit(task, datamodule=data, ckpt_path=begin, weights_only=True)
                scored: Path | str | None = run.trained_checkpoint()
            else:
                scored = config["ckpt_path"]
                trainer.validate(task, datamodule=data, ckpt_path=scored, weights_only=True, verbose=False)
            if config["test"] and does(task, "test_step"):
                trainer.test(task, datamodule=data, ckpt_path=scored, weights_only=True, verbose=False)
        run.write_metrics(trainer)
        send_result(loggers, run)
    if run.outcome != "stopped":
        show_scores(run, run.metrics())
    return run.metrics()


def refuse_foreign(run: "Run", path: "Path", config: dict[str, Any]) -> None:
    """Raise UserError for a checkpoint in a run's folder that another run, of ``config``, wrote."""
    from fcnlab.error import UserError
    from fcnlab.model.checkpoint import fetching_nothing
    from fcnlab.run.name import run_name

    own = dict(run.config) | {"model": fetching_nothing(run.config["model"])}
    if not run.config["ckpt_path"] and run_name(own) != run_name(config):
        raise UserError(
            f"{path} is not of this run: {run_name(config)} wrote it. Put its own there, delete it to train from the "
            "start, or go on from the other one with ckpt_path=..."
        )


def today_stamp(config: dict[str, Any]) -> str | None:
    """What the data's files look like at a glance; None where there are none: a finished run needs no data."""
    from pathlib import Path

    from fcnlab.cli.compose import build

    root = config["data"].get("root")
    return build(config["data"]).stamp() if root and Path(root).expanduser().is_dir() else None


def prepare_data(config: dict[str, Any]) -> "tuple[SegmentationData, dict[str, str]]":
    """The data, fetched where that was asked for, and the fingerprints of each split that is needed."""
    from pathlib import Path

    from fcnlab.cli.compose import build
    from fcnlab.cli.terminal import is_first_process
    from fcnlab.data.checks import refuse_unusable
    from fcnlab.data.kept import Kept
    from fcnlab.error import UserError

    data: SegmentationData = build(config["data"])
    if not hasattr(data, "fingerprint"):
        raise UserError(
            f"data builds a {type(data).__name__}. It must be a fcnlab.data.datamodule.SegmentationData, which says "
            "names and reads images and masks. Another LightningDataModule goes into one: data=dataset "
            "'data.module={_target_: ...}' data.classes=[...]."
        )
    if is_first_process():
        data.prepare_data()
    folder = Path(config["runs_dir"]).expanduser() / ".fcnlab"
    data.kept = Kept(folder, config["data"])
    for name, head in data.heads.items():
        head.kept = Kept(folder, config["data"] | {"head": name})
    splits = needed_splits(config)
    fingerprint = data.fingerprints(splits)
    refuse_unusable(data, splits)
    return data, fingerprint


def needed_splits(config: dict[str, Any]) -> list[str]:
    """The splits that a training reads; what is not used need not be there."""
    from fcnlab.data.datamodule import SPLITS

    unused = {"test"} if not config["test"] else set()
    if config["trainer"].get("limit_val_batches") == 0 and config["score"] == "last":
        unused.add("val")
    return [split for split in SPLITS if split not in unused]


def make_task(
    config: dict[str, Any], data: "SegmentationData", start: "Run | None" = None, *, goes_on: bool = False
) -> "L.LightningModule":
    """The task of a training: its net with initial weights (of the run ``start`` if there is one), loss and recipe.

    Args:
        goes_on: all weights will come from ``last.ckpt``; no others are loaded.
    """
    import torch

    from fcnlab.cli.compose import build_later
    from fcnlab.task.build import build_task
    from fcnlab.trainer.precision import prefers_channels_last

    task = build_task(
        config,
        net=initial_net(config, data, start, goes_on=goes_on),
        facts=data.facts(),
        channels_last=prefers_channels_last(config),
        optim=build_later(config["optim"], "params"),
        scheduler=build_later(config["scheduler"], "optimizer"),
    )
    for module in task.modules():  # losses that ask for class weights from the training masks
        if getattr(module, "needs_frequencies", False) and hasattr(module, "class_weights"):
            masks = data.heads.get(getattr(module, "head", ""), data)
            module.class_weights = torch.tensor(masks.median_frequency_weights())
    return task


def initial_net(config: dict[str, Any], data: "SegmentationData", start: "Run | None", *, goes_on: bool) -> "nn.Module":
    """The net, with the weights from which its training starts."""
    from fcnlab.cli.compose import build
    from fcnlab.cli.terminal import say
    from fcnlab.error import UserError
    from fcnlab.model.weights import fit_pretrained, load_weights, parts, shorten

    net: nn.Module = build(config["model"], num_classes=len(data.class_names))
    if start:
        report = load_weights(net, str(start.scored_checkpoint()), **data.input)
        if report.dropped:
            raise UserError(
                f"start={config['start']} has {shorten(report.dropped)}, for which model={config['model']['name']} has "
                "no layer. A net starts from a coarser one over the same backbone: set model.backbone alike for both."
            )
        carried = len(report.copied) + len(report.coerced)
        say(f"start={config['start']}: {carried} tensors carried over; new are {shorten(report.initial)}.")
    elif config["weights"] and not goes_on:
        for part, source, given in parts(net, config["weights"], data.input):
            say(f"weights={source}: {load_weights(part, source, expects=config['weights_input'], **given)}")
    elif not goes_on and (brought := fit_pretrained(net, **data.input)):  # weights that its constructor brought
        say(f"model={config['model']['name']}: {brought}")
    if config["compile"]:
        net.compile()  # compiled as it is: the names in checkpoints stay
    return net


main = command(train, jobs=Sweep)

if __name__ == "__main__":
    main()
