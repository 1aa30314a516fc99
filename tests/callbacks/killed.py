"""Train as ``python -m fcnlab.train`` does, and meet a fault: ``python killed.py MOMENT COUNT SIGNAL WORDS...``.

At the COUNTth MOMENT (a hook of LastCheckpoint, or ``write``: half a checkpoint is on the disk) the process sends
itself the signal. It prints at which step it began.
"""

import io
import os
import signal
import sys
import time
from typing import Any

import torch

from fcnlab import train
from fcnlab.callbacks.checkpoints import LastCheckpoint

moment, count, name = sys.argv[1], int(sys.argv[2]), sys.argv[3]
seen = 0


def strike() -> None:
    global seen
    seen += 1
    if seen == count:
        time.sleep(float(os.environ.get("PAUSE", "0")))  # what other processes write meanwhile
        os.kill(os.getpid(), getattr(signal, name))


def half_a_save(content: dict[str, Any], file: Any) -> None:
    whole = io.BytesIO()
    save(content, whole)
    half = len(whole.getvalue()) // 2
    file.write(whole.getvalue()[:half])
    if "last.ckpt" in file.name:
        file.flush()
        strike()
    file.write(whole.getvalue()[half:])


def started(self: LastCheckpoint, trainer: Any, task: Any) -> None:
    print(f"began at step {trainer.global_step}", flush=True)
    original_start(self, trainer, task)


original_start = LastCheckpoint.on_train_start
LastCheckpoint.on_train_start = started
save = torch.save
if moment == "write":
    torch.save = half_a_save
elif moment != "never":
    hook = getattr(LastCheckpoint, moment)

    def struck(*arguments: Any, **named: Any) -> None:
        strike()
        hook(*arguments, **named)

    setattr(LastCheckpoint, moment, struck)

sys.argv = ["train", *sys.argv[4:]]
train.main()
