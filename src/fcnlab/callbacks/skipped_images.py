"""Training images that cannot be read are counted, and named in the record."""

from collections import Counter
from typing import Any

import lightning as L

from fcnlab.cli.terminal import say
from fcnlab.run.distributed import gather
from fcnlab.run.record import Run


class SkippedImages(L.Callback):
    """Count the training images that could not be read and were replaced (data.on_bad_sample=skip).

    Printed when an image is first met; in ``record.json`` under ``skipped``: what was wrong, and how often it was met.
    """

    def __init__(self, run: Run) -> None:
        self.run, self.counts, self.since = run, Counter[str](), Counter[str]()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count what the loading processes met."""
        for message in batch.get("skipped", ()):
            if not self.counts[message] + self.since[message]:
                say(f"Skipped, another image is used instead: {message}")
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
                f"Training images that could not be read: {len(self.counts)}, replaced by others "
                f"{self.counts.total()} times: see skipped in {self.run.folder / 'record.json'}."
            )

    def state_dict(self) -> dict[str, Any]:
        """Kept in every checkpoint: what all processes met."""
        return {"counts": dict(self.counts + sum(gather(self.since), Counter[str]()))}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on counting."""
        self.counts = Counter(state_dict["counts"])
