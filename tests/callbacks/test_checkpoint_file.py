"""A checkpoint is whole or not there."""

import os
from pathlib import Path

import pytest
import torch

from fcnlab.callbacks.checkpoint_file import AtomicCheckpointIO
from fcnlab.error import UserError


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before_it(tmp_path: Path) -> None:
    AtomicCheckpointIO().save_checkpoint({"step": 1}, tmp_path / "last.ckpt")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(UserError, match="No space left on device.*is whole.*type the same command again"):
            AtomicCheckpointIO().save_checkpoint({"step": 2}, tmp_path / "last.ckpt")
    assert torch.load(tmp_path / "last.ckpt", weights_only=True) == {"step": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]
