"""Watch a training: a loss that is no number stops it, and training images that cannot be read are counted."""

from collections import Counter
from typing import Any, NamedTuple

import lightning as L
import torch

from fcnlab.error import UserError
from fcnlab.record import Run
from fcnlab.report import say


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
            optim: Any = trainer.lightning_module.optim
            raise UserError(
                f"The loss is {seen.loss.item()} at step {seen.step}, epoch {seen.epoch} (counted from 0), on the "
                f"images {', '.join(seen.names)}. A loss must be finite. Try a lower optim.lr (it is {optim.lr}), more "
                "optim.warmup, trainer.gradient_clip_val=1 or trainer.precision=32-true, and look at these images. The "
                "checkpoints from before are whole."
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
        met: list[Any] = [self.since]
        if trainer.world_size > 1:
            met = [None] * trainer.world_size
            torch.distributed.all_gather_object(met, self.since)
        self.counts += sum(met, Counter[str]())
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
        """Kept in every checkpoint."""
        return {"counts": dict(self.counts + self.since)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on counting."""
        self.counts = Counter(state_dict["counts"])
