"""A loss or a weight that is NaN or infinite stops the training, before a checkpoint keeps it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import lightning as L
import torch

from fcnlab.error import UserError


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
        if not isinstance(outputs, Mapping) or outputs.get("loss") is None:
            return  # a step that was left out, or a task that steps by itself
        loss: torch.Tensor = outputs["loss"].detach()
        copy, arrived = loss.to("cpu", non_blocking=loss.is_cuda), None
        if loss.is_cuda:
            arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
            arrived.record()
        self.seen = Seen(copy, arrived, trainer.global_step, trainer.current_epoch, list(batch.get("name", ())))
        if not arrived:
            self.check(trainer)

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Scores of broken weights are no scores."""
        self.check(trainer)

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Called before anything is written: the checkpoint before stays."""
        self.check(trainer)
        for state in ("state_dict", "current_model_state"):
            refuse_weights_without_numbers(pl_module, checkpoint.get(state, {}))

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
                f"images {', '.join(map(str, seen.names))}. A loss must be finite. "
                f"{hint(getattr(trainer.lightning_module, 'optim', None))}"
            )


def refuse_weights_without_numbers(task: L.LightningModule, tensors: Mapping[str, torch.Tensor]) -> None:
    """Raise UserError if a tensor that is about to be kept holds NaN or infinity: no loss has told of the last step."""
    wrong = [name for name, t in tensors.items() if t.is_floating_point() and not torch.isfinite(t).all()]
    if wrong:
        raise UserError(
            f"The weights hold NaN or infinity after step {task.global_step}, epoch {task.current_epoch} (counted from "
            f"0), in {', '.join(wrong[:3])}. Weights must be finite. {hint(getattr(task, 'optim', None))}"
        )


def hint(optim: Any) -> str:
    """What to try where a training diverges."""
    rate = f" (it is {optim.lr})" if hasattr(optim, "lr") else ""
    return (
        f"Try a lower optim.lr{rate}, more scheduler.warmup, trainer.gradient_clip_val=1 or "
        "trainer.precision=32-true, and look at the images. The checkpoints from before are whole."
    )
