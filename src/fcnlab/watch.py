"""Watch a training: a loss that is no number stops it, and training images that cannot be read are counted."""

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import lightning as L
import torch

from fcnlab.distributed import gather
from fcnlab.error import UserError
from fcnlab.record import Run
from fcnlab.report import say

if TYPE_CHECKING:
    from fcnlab.task import SegmentationTask


class Seen(NamedTuple):
    """The loss of a step, on its way to the host, and what it was computed from."""

    loss: torch.Tensor
    arrived: torch.cuda.Event | None
    step: int
    epoch: int
    names: list[str]


class FiniteLoss(L.Callback):
    """Stop a training whose loss is NaN or infinite, before a checkpoint keeps what it did to the weights.

    On a GPU no step waits for it: the loss is copied in the background and looked at after the next step, and before
    every checkpoint and validation. Elsewhere it is looked at at once.
    """

    def __init__(self) -> None:
        self.seen: Seen | None = None

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Look at the loss before, and send for this one."""
        self.check(trainer)
        loss: torch.Tensor = outputs["loss"].detach()
        copy, arrived = loss.to("cpu", non_blocking=loss.is_cuda), None
        if loss.is_cuda:
            arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
            arrived.record()
        self.seen = Seen(copy, arrived, trainer.global_step, trainer.current_epoch, batch["name"])
        if not arrived:
            self.check(trainer)

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Scores of broken weights are no scores."""
        self.check(trainer)

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Called before anything is written: the checkpoint before stays."""
        self.check(trainer)

    def check(self, trainer: L.Trainer) -> None:
        """Raise UserError if the loss last sent for is no number."""
        seen, self.seen = self.seen, None
        if seen is None:
            return
        if seen.arrived:
            seen.arrived.synchronize()
        if not torch.isfinite(seen.loss):
            raise UserError(
                f"The loss is {seen.loss.item()} at step {seen.step}, epoch {seen.epoch} (counted from 0), on the "
                f"images {', '.join(seen.names)}. A loss must be finite. {remedy(trainer.lightning_module.optim)}"
            )


def refuse_weights_without_numbers(task: "SegmentationTask", tensors: Mapping[str, torch.Tensor]) -> None:
    """Raise UserError if a tensor that is about to be kept holds NaN or infinity: no loss has told of the last step."""
    wrong = [name for name, t in tensors.items() if t.is_floating_point() and not torch.isfinite(t).all()]
    if wrong:
        raise UserError(
            f"The weights hold NaN or infinity after step {task.global_step}, epoch {task.current_epoch} (counted from "
            f"0), in {', '.join(wrong[:3])}. Weights must be finite. {remedy(task.optim)}"
        )


def remedy(optim: Any) -> str:
    """What to try where a training diverges."""
    return (
        f"Try a lower optim.lr (it is {optim.lr}), more optim.warmup, trainer.gradient_clip_val=1 or "
        "trainer.precision=32-true, and look at the images. The checkpoints from before are whole."
    )


class SkippedImages(L.Callback):
    """Count the training images that could not be read and were replaced (data.on_bad_sample=skip).

    Said when an image is first met; in ``record.json`` under ``skipped``: what was wrong, and how often it was met.
    """

    def __init__(self, run: Run) -> None:
        self.run, self.counts, self.since = run, Counter[str](), Counter[str]()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count what the loading processes met."""
        for message in batch.get("skipped", ()):
            if not self.counts[message] + self.since[message]:
                say(f"Skipped, another image takes its place: {message}")
            self.since[message] += 1

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Add up what all processes met in this epoch."""
        self.counts += sum(gather(self.since), Counter[str]())
        self.since = Counter()
        if self.counts and trainer.is_global_zero:
            self.run.write(skipped=dict(self.counts))

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Say once more what was left out."""
        if self.counts:
            say(
                f"{self.counts.total()} times one of {len(self.counts)} training images could not be read and another "
                f"took its place: see skipped in {self.run.folder / 'record.json'}."
            )

    def state_dict(self) -> dict[str, Any]:
        """Kept in every checkpoint: what all processes met."""
        return {"counts": dict(self.counts + sum(gather(self.since), Counter[str]()))}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on counting."""
        self.counts = Counter(state_dict["counts"])
