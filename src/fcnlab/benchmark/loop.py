"""What the Trainer adds to a step: progress, metrics, logging, checkpoints; and a test to its forward pass."""

import tempfile
from collections.abc import Callable
from typing import Any

import lightning as L
import torch

from fcnlab.benchmark.row import Row, in_turn, ratios, shown
from fcnlab.benchmark.step import Step, recipe
from fcnlab.callbacks.image_results import now
from fcnlab.callbacks.signals import Signals
from fcnlab.cli.compose import build, compose, plain
from fcnlab.logger.build import build_loggers
from fcnlab.loss.base import Term
from fcnlab.loss.mean import MeanLosses
from fcnlab.metric.segmentation import SegmentationScores, most_likely
from fcnlab.run.record import Run
from fcnlab.train import make_task
from fcnlab.trainer.build import build_trainer
from fcnlab.trainer.callbacks import run_callbacks
from fcnlab.trainer.precision import on_gpu

CAMVID = {"train": 367, "test": 233}  # images, over which what happens once per epoch is shared


class Alternately(L.Callback):
    """Before every batch, do the bare thing too; keep the seconds of both, and of what comes after the last batch.

    A batch's seconds reach from its start to the start of the next: the loader and all callbacks are in them.
    """

    def __init__(self, bare: Callable[[], object]) -> None:
        self.bare, self.ours, self.alone, self.begun = bare, list[float](), list[float](), 0.0

    def step(self) -> None:
        """Time one of each."""
        started = now()
        if self.begun:
            self.ours.append(started - self.begun)
        self.bare()
        self.begun = now()
        self.alone.append(self.begun - started)

    def on_train_batch_start(self, *_: Any) -> None:
        """In a training."""
        self.step()

    def on_test_batch_start(self, *_: Any) -> None:
        """In a test."""
        self.step()

    def values(self, closing: float, batches: float) -> list[float]:
        """Bare over ours, batch by batch, but the first two, which warm up; so many ``batches`` share ``closing``."""
        ours = [seconds + closing / batches for seconds in self.ours[2:]]
        return ratios(self.alone[2 : 2 + len(ours)], ours)


def rows(config: dict[str, Any]) -> list[Row]:
    """Overheads of ``fit``, of the running scores and of ``test``."""
    net, batches = config["net"], config["loop_batches"]
    side = 32 * round((net["image"][0] * net["image"][1]) ** 0.5 / 32)  # shapes are square
    batch = config["batches"]["gpu" if on_gpu("auto") else "cpu"]["ours"]
    words = [*recipe(net), "data=shapes", f"data.size={side}", "data.augment=[]", f"data.batch_size={batch}"]
    words += [f"data.images={{train: {batches * batch}, val: 1, test: {batches * batch}}}", "epochs=1"]
    bare = Step(words, image=[side, side], batch=batch, classes=8)
    told = f"FCN-8s, {side}x{side}, {bare.description}"
    with tempfile.TemporaryDirectory() as folder:
        words += [f"runs_dir={folder}"]
        fit, fit_end = accompany(words, bare)
        test, test_end = accompany(words, lambda: forward_only(bare), test=True)
    epochs = {name: images / batch for name, images in CAMVID.items()}
    return [
        Row(
            "fit around the step: progress, metrics, logging, checkpoints",
            "fit's images per second over the bare step's",
            fit.values(fit_end, epochs["train"]),
            ">= 0.97",
            f"{told}: {shown(fit.ours[2:])} a batch; end of epoch, two checkpoints and one image of validation: "
            f"{fit_end:.2g} s, shared by CamVid's {epochs['train']:.0f} batches",
        ),
        *scores(bare, config["rounds"], told),
        Row(
            "evaluation of a test set",
            "images per second over the bare forward pass's",
            test.values(test_end, epochs["test"]),
            ">= 0.95",
            f"{told}: {shown(test.ours[2:])} a batch; counts.npz and predictions {test_end:.2g} s, shared by CamVid's "
            f"{epochs['test']:.0f}",
        ),
    ]


def accompany(words: list[str], bare: Callable[[], object], *, test: bool = False) -> tuple[Alternately, float]:
    """Run ``fit`` or ``test`` as ``fcnlab.train`` does, with the bare thing in turn; and the seconds of its end."""
    config = plain(compose("train", words)) | {"start": None}
    turns = Alternately(bare)
    with Run(config) as run, Signals() as signals:
        loggers = build_loggers(config["logger"], run)
        data = build(config["data"])
        task = make_task(config, data)
        callbacks = [turns, *run_callbacks(run, data, config, loggers, signals)]
        trainer = build_trainer(config["trainer"], callbacks=callbacks, logger=loggers or False)
        if test:
            trainer.test(task, datamodule=data, verbose=False)
        else:
            trainer.fit(task, datamodule=data)
    return turns, now() - turns.begun - min(turns.ours)


def forward_only(bare: Step) -> None:
    """The forward pass as in a test."""
    bare.net.eval()
    with torch.inference_mode():
        bare.forward()
    bare.net.train()


def scores(bare: Step, rounds: int, told: str) -> list[Row]:
    """What the running scores take of a training step, and what a batch of validation takes beside its forward pass."""
    running = SegmentationScores(class_names=tuple(map(str, range(8)))).to(bare.device)
    loss = MeanLosses({"": 1.0}).to(bare.device)
    with torch.no_grad():
        logits = bare.forward()

    def train_metrics() -> None:
        running.update(most_likely(logits), bare.mask)
        loss.update({"": Term(logits.new_tensor(1.0), logits.new_tensor(1.0))})

    def validation() -> None:
        loss.update(bare.loss.terms(logits, bare.mask))
        running.update(most_likely(logits), bare.mask)

    tasks: dict[str, Callable[[], object]] = {
        "step": bare,
        "train metrics": train_metrics,
        "validation scoring, its loss included": validation,
    }
    seconds = in_turn(tasks, rounds=rounds)
    step = seconds.pop("step")
    return [
        Row(name, "share of the step", ratios(values, step), "<= 0.02", f"{told}: {shown(values)} of {shown(step)}")
        for name, values in seconds.items()
    ]
