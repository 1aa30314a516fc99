"""Drive the commands as each of two processes: ``torchrun --nproc-per-node=2 two_processes.py CHECKPOINT``.

One pair of processes for all cases, as loading torch takes longer than any of them. Runs in a folder made by the test.
"""

import os
import signal
import sys
from pathlib import Path

from conftest import call

from fcnlab.callbacks.checkpoints import LastCheckpoint

DDP = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", "trainer.enable_progress_bar=false")
SIZES = {7: 2, 8: 2, 9: 2, 2: 4}  # test images: batch size; with one batch the second process has none of its own
STEP = (
    *("data=folder", "data.root=photos", "data.lists=lists", "data.image_size=[32,32]", "data.num_workers=0"),
    *("logger=none", "epochs=2", "trainer.precision=32-true", "trainer.enable_progress_bar=false", "optim=sgd"),
    *("model.backbone.width=0.05", "model.backbone.fc_channels=16", "model.backbone.dropout=0", "optim.lr=0.5"),
)
SUM = (*STEP, "loss.reduction=sum", "optim.reduction=sum", "optim.lr=1e-4")
DROPOUT = (*STEP, "model.backbone.dropout=0.5", "data.batch_size=4", "checkpoint.every_n_steps=1")


def run(command: str, *words: str) -> None:
    """Type a command, which must succeed."""
    code, _, message = call(command, words)
    assert code == 0, message


def break_after(batches: int) -> None:
    """Let the next training break after so many batches."""
    left, original = iter(range(batches)), LastCheckpoint.on_train_batch_end

    def breaks(self, *arguments):
        original(self, *arguments)
        if next(left, None) is None:
            LastCheckpoint.on_train_batch_end = original
            raise ZeroDivisionError

    LastCheckpoint.on_train_batch_end = breaks


def signal_in_validation() -> None:
    """Let the second process alone be asked to end, in its first batch of validation."""
    original = LastCheckpoint.on_validation_batch_end

    def asks(self, trainer, *arguments):
        if not trainer.sanity_checking:
            LastCheckpoint.on_validation_batch_end = original
            if trainer.global_rank == 1:
                signal.raise_signal(signal.SIGTERM)
        original(self, trainer, *arguments)

    LastCheckpoint.on_validation_batch_end = asks


if __name__ == "__main__":
    for images, batch in SIZES.items():
        sizes = (f"data.images.test={images}", f"data.batch_size={batch}", f"output=two_{images}")
        run("evaluate", f"checkpoint={sys.argv[1]}", *sizes, *DDP)
    run("train", *STEP, *DDP, "data.batch_size=4", "runs_dir=two", "data.cache=disk")
    run("train", *SUM, *DDP, "data.batch_size=4", "runs_dir=two_sum", "data.cache=ram")
    run("train", *DROPOUT, *DDP, "runs_dir=whole")
    break_after(1)
    try:
        run("train", *DROPOUT, *DDP, "runs_dir=broken")
    except ZeroDivisionError:
        run("train", *DROPOUT, *DDP, "runs_dir=broken")
    signal_in_validation()
    code, _, message = call("train", (*DROPOUT, *DDP, "runs_dir=asked"))
    first = os.environ["RANK"] == "0"
    assert (code, message) == ((1, "143") if first else (0, "")), (code, message)
    assert not list(Path("asked").glob("*/history.csv")), "the validation was not left, but gone through"
    run("train", *DROPOUT, *DDP, "runs_dir=asked")
