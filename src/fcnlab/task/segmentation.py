"""The LightningModule of semantic segmentation: forward, loss, steps, optimiser; ``scoring.py`` counts and logs."""

import functools
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
import torch
from annotated_types import Ge
from torch import nn
from torchmetrics import Metric

from fcnlab.cli.checked import Checked
from fcnlab.data.datamodule import PADDING, Batch
from fcnlab.data.heads import class_names
from fcnlab.data.photos import photo_batch
from fcnlab.data.transforms import Image, Mask, input_pipeline
from fcnlab.error import UserError, kind
from fcnlab.loss.base import Given, PixelLoss, Scored
from fcnlab.metric.segmentation import Absent, count_by_image, most_likely
from fcnlab.model.heads import Found, alone, by_name
from fcnlab.optim.recipe import Optim
from fcnlab.optim.scheduler import Scheduler, advance
from fcnlab.optim.steps import training_epochs, training_steps
from fcnlab.run.distributed import number_of_processes, sum_over_processes
from fcnlab.task.scoring import ScoredTask
from fcnlab.task.tiling import label_at_size


class SegmentationTask(Checked, ScoredTask):
    """Train and score a net that maps image (N, c, H, W) to logits (N, C, H, W), or to a dict with such an ``out``.

    Where the data have further masks for every image (``data.heads``), the net gives logits for each under its name,
    each has its own loss, and its scores are ``<split>/<head>/mean_iou`` and so on.

    Change one thing by a subclass: ``training_step`` takes the step, ``compare`` runs the net and its loss, ``score``
    adds a batch of validation or test to the scores. A task that shares nothing with this one is a LightningModule,
    named by ``task._target_`` (class or function). It is given what its constructor names of ``net``, ``loss``,
    ``metrics``, ``optim``, ``scheduler``, ``facts``, ``config``, ``num_classes`` and ``channels_last``, and a
    :class:`Batch` per step. What it logs under ``train/...``, ``val/...`` and ``test/...``, and as ``monitor.metric``,
    stands in history.csv and metrics.json. These it may leave out, and a line says what is missing then:

    - ``validation_step``: no scores of validation; the last checkpoint is tested.
    - ``test_step``: no scores of test. Where it returns no ``prediction`` and ``counts``: no files per image.
    - ``predict_step`` (labels (N, H, W) of ``batch["image"]``): ``fcnlab.predict`` refuses it.
    - an attribute ``net``: ``tile`` and ``tta`` change nothing.

    Args:
        net, loss: what learns, and what it minimises.
        facts: class names, palette and normalisation of the data (``SegmentationData.facts``).
        config: the run's config in plain Python.
        metrics: torchmetrics by name, beside the paper's four; of validation and test.
        head_metrics: the same by further head.
        optim, scheduler: how it learns; None: it does not.
        aux_weight: of the loss on the net's output ``aux``, where it has one, in training.
        head_weights: of the losses of further heads, by name; it is ``build_task`` that weighs them.
        absent_classes: of a class that is predicted but never true: ``wrong``, IU 0, or ``left_out`` of the means.
        channels_last: memory order of the net and its input.
    """

    def __init__(
        self,
        *,
        net: nn.Module,
        loss: PixelLoss,
        facts: dict[str, Any],
        config: dict[str, Any],
        metrics: Mapping[str, Metric] | None = None,
        optim: Optim | None = None,
        scheduler: Scheduler | None = None,
        aux_weight: Annotated[float, Ge(0)] = 0.0,
        head_metrics: Mapping[str, Mapping[str, Metric]] | None = None,
        head_weights: Mapping[str, Annotated[float, Ge(0)]] | None = None,
        absent_classes: Absent = "wrong",
        channels_last: bool = False,
    ) -> None:
        super().__init__()
        if isinstance(optim, functools.partial):
            optim = Optim.of(optim)
        refuse_other("optim.optimizer", optim, Optim)
        refuse_other("scheduler.scheduler", scheduler, Scheduler)
        if optim is not None:
            optim.check_reduction(loss.reduction)
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.net = net.to(memory_format=self.memory_format)
        self.loss, self.optim, self.scheduler, self.aux_weight = loss, optim, scheduler, aux_weight
        self.facts, self.config = facts, config
        self.heads = {head: known for head, known in class_names(facts).items() if head != "out"}
        self.add_scores(
            tuple(facts["class_names"]),
            heads=self.heads,
            losses={"train": loss.parts(aux_weight), "val": loss.parts(), "test": loss.parts()},
            metrics=metrics or {},
            head_metrics=head_metrics or {},
            absent=absent_classes,
        )

    @property
    def backbone(self) -> nn.Module:
        """The net's, by the name under which Lightning's BackboneFinetuning looks for it."""
        return self.net.get_submodule("backbone")

    @classmethod
    def load(cls, path: str | Path, *, trust: Collection[str] = ()) -> Self:
        """A trained net from its checkpoint alone, ready for ``label``.

        Args:
            trust: packages of one's own from which the checkpoint may ask for classes.

        Raises:
            UserError: the file is broken or foreign, asks for classes that ``conf/`` does not list, or holds another
                task.
        """
        from fcnlab.task.build import load

        task = load(path, trust=trust)
        if not isinstance(task, cls):
            raise UserError(f"{path} holds a {type(task).__name__}, no {cls.__name__}. Use fcnlab.task.build.load.")
        return task

    @torch.no_grad()
    def label(self, image: Image) -> Mask:
        """Labels (H, W) uint8 of an image (H, W, 3) uint8 of any size."""
        return self.label_all(image)["out"]

    @torch.no_grad()
    def label_all(self, image: Image) -> dict[str, Mask]:
        """The same of every head by name; ``out`` is the first."""
        batch = photo_batch(image, input_pipeline(self.facts, self.config["data"]["image_size"]))
        batch["image"] = batch["image"].to(self.device)
        found = by_name(self.predict_step(batch, 0))
        return {name: np.asarray(labels[0].byte().cpu()) for name, labels in found.items()}

    def outputs(self, image: torch.Tensor, size: torch.Size | None = None) -> dict[str, torch.Tensor]:
        """Image (N, c, H, W) -> logits (N, C, H, W) by name, or of another ``size`` where the mask has its own."""
        found = by_name(self.net(image.contiguous(memory_format=self.memory_format)))
        for name, known in self.heads.items():
            if name not in found or found[name].shape[1] != len(known):
                given = found[name].shape[1] if name in found else "none"
                raise UserError(
                    f"data.heads.{name} has {len(known)} classes, the net's output of that name {given}. Set "
                    f"model.heads={{{name}: {len(known)}}}, or leave data.heads out."
                )
        return {name: at_size(logits, size) for name, logits in found.items()}

    def forward(self, image: torch.Tensor, size: torch.Size | None = None) -> torch.Tensor:
        """Image (N, c, H, W) -> logits (N, C, H, W), or of another ``size``."""
        return self.outputs(image, size)["out"]

    def compare(self, batch: Batch, aux_weight: float = 0.0) -> Scored:
        """The loss of a batch, part by part, and the predicted labels (N, H, W) at the mask's own size."""
        image = batch["image"].contiguous(memory_format=self.memory_format)
        return self.loss.score(self, Given(image, batch["mask"], aux_weight, batch.get("masks", {})))

    def training_step(self, batch: Batch, _: int) -> torch.Tensor:
        """One step: the loss; predictions are scored on the way.

        Each part of the loss is one mean over all processes: DDP takes the mean of their gradients, so each process
        gives its sum over the count of all, times the number of processes.
        """
        scored = self.compare(batch, self.aux_weight)
        self.count(scored, batch, "train")
        self.log("loss", sum(term.weight * term.mean.detach() for term in scored.terms.values()), prog_bar=True)
        parts = [
            term.weight * (term.total / sum_over_processes(term.over).clamp(min=1e-12))
            for term in scored.terms.values()
        ]
        loss: torch.Tensor = sum(parts[1:], parts[0]) * number_of_processes()
        return loss

    def validation_step(self, batch: Batch, _: int) -> dict[str, torch.Tensor]:
        """Score a batch of validation images, each at its ground truth's own size."""
        return self.score(batch, "val")

    def test_step(self, batch: Batch, _: int) -> dict[str, torch.Tensor]:
        """Score a batch of test images.

        What it returns is kept by ``ImageResults``: ``prediction`` (N, H, W), labels; ``counts`` (3, N, C), see
        ``count_by_image``. A task of one's own that returns neither is tested without files per image.
        """
        found = self.score(batch, "test")
        if found:
            found["counts"] = count_by_image(found["prediction"], batch["mask"], len(self.facts["class_names"]))
        return found

    def predict_step(self, batch: dict[str, Any], _: int) -> Found:
        """Labels (N, H, W) at the photo's own size; of several heads by name."""
        image, size = batch["image"], torch.Size(batch["photo"].shape[:2])
        in_tiles: Callable[[torch.Tensor], Found] | None = getattr(self.net, "label", None)
        if in_tiles and image.shape[-2:] == size:
            found = by_name(in_tiles(image))
            return alone({name: found[name] for name in ("out", *self.heads)})
        outputs = self.outputs(image)
        return alone(
            {
                name: most_likely(logits) if logits.shape[-2:] == size else label_at_size(logits, size)
                for name, logits in outputs.items()
                if name == "out" or name in self.heads
            }
        )

    def score(self, batch: Batch, split: str) -> dict[str, torch.Tensor]:
        """Add a batch to the scores of ``val`` or ``test``; returns its predictions (N, H, W)."""
        scored = self.compare(batch)
        if PADDING in batch["name"]:
            return {}
        self.count(scored, batch, split)
        return {"prediction": scored.prediction}

    def configure_optimizers(self) -> Any:
        """The recipe over all steps of the training. What a loss or a subclass has to learn learns with the net."""
        assert self.optim is not None and self.scheduler is not None, "a task from a checkpoint does not train"
        beside = {name: one for name, one in self.named_parameters() if not name.startswith("net.")}
        optimizer = self.optim.build(self.net, beside)
        steps = int(training_steps(self.trainer))
        epochs = training_epochs(self.trainer, steps) if self.scheduler.interval == "epoch" else 1
        return [optimizer], self.scheduler.build(optimizer, steps=steps, epochs=epochs)

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """Called by Lightning when a scheduler's interval is over."""
        advance(scheduler, metric, steps=self.global_step, epochs=self.current_epoch + 1)


def refuse_other(setting: str, built: Any, needed: type) -> None:
    """Raise UserError where a group of the config builds what this task cannot use; ``setting`` holds what it can."""
    group = setting.partition(".")[0]
    if built is not None and not isinstance(built, needed):
        words = "_target_: ..."
        if isinstance(built, functools.partial):
            target = f"{built.func.__module__}.{built.func.__qualname__}"
            words = ", ".join(f"{key}: {value}" for key, value in {"_target_": target, **built.keywords}.items())
        interval = " scheduler.interval=epoch (or step: how often it is asked)" * (group == "scheduler")
        raise UserError(
            f"{group} builds {kind(built)}. A SegmentationTask needs a {needed.__module__}.{needed.__name__}, in which "
            f"another library's stands. Write '{setting}={{{words}}}'{interval}; see conf/{group}."
        )


def at_size(logits: torch.Tensor, size: torch.Size | None) -> torch.Tensor:
    """Logits (N, C, h, w) in 32 bits or more, which a loss needs, brought bilinearly to ``size`` where it differs."""
    logits = logits.float() if logits.dtype.itemsize < 4 else logits
    if size is not None and size != logits.shape[-2:]:
        logits = nn.functional.interpolate(logits, size=size, mode="bilinear", align_corners=False)
    return logits
