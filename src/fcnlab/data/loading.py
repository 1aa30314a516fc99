"""How a data set is loaded: its loaders, the processes that fill them, and where in the order of images one stands."""

import os
from typing import Any

import cv2
import lightning as L
import torch
from torch.utils.data import DataLoader

from fcnlab.data.samples import Sample, SplitDataset, collate
from fcnlab.data.sampling import EqualSizeBatches, TrainOrder
from fcnlab.data.shared_memory import Shared
from fcnlab.error import UserError

PATIENCE = 1800  # seconds that a batch may take to be loaded, before it counts as never

Loader = DataLoader[Sample]


class Loaded(L.LightningDataModule):
    """The loaders of the three splits. Subclasses set the settings below, and say ``dataset`` and ``shapes``.

    Args:
        batch_size, replacement, num_workers, seed, in_memory: as in :class:`fcnlab.data.datamodule.SegmentationData`.
        test_split: which split is the test's.
    """

    batch_size: int
    replacement: bool
    num_workers: int | str
    seed: int
    in_memory: bool
    test_split: str

    def __init__(self) -> None:
        super().__init__()
        self.resumed: dict[str, int] = {}

    def dataset(self, split: str, training: bool = False) -> SplitDataset:
        """The split as a torch Dataset indexed by :class:`Draw`: augmented in training, else as it is scored."""
        raise NotImplementedError

    def shapes(self, split: str) -> list[tuple[int, int]]:
        """Height and width of every image."""
        raise NotImplementedError

    def loader(self, split: str, training: bool = False) -> Loader:
        """The split's DataLoader for this process: drawn anew every epoch in training, else once through."""
        dataset = self.dataset(split, training)
        processes, rank = (self.trainer.world_size, self.trainer.global_rank) if self.trainer else (1, 0)
        workers = self.workers(processes)
        common: dict[str, Any] = {
            "num_workers": workers,
            "pin_memory": torch.cuda.is_available(),
            "persistent_workers": workers > 0,
            "timeout": PATIENCE if workers else 0,
            "worker_init_fn": quiet_worker,
            "collate_fn": Shared(collate),
            "generator": torch.Generator(),  # else every epoch draws from the one that dropout draws from
        }
        share: dict[str, int] = {"batch_size": self.batch_size, "rank": rank, "processes": processes}
        if training:
            order = TrainOrder(
                images=len(dataset), seed=self.seed, replacement=self.replacement, **share, **self.position(processes)
            )
            return DataLoader(dataset, batch_size=self.batch_size, sampler=order, **common)
        return DataLoader(dataset, batch_sampler=EqualSizeBatches(sizes=self.shapes(split), **share), **common)

    def __getstate__(self) -> dict[str, Any]:
        """Without the Trainer: a loading process that starts anew (macOS) is sent the data set, not the training."""
        return self.__dict__ | {"trainer": None}

    def state_dict(self) -> dict[str, int]:
        """Where in the order of images the training stands: kept in every checkpoint."""
        if self.trainer is None:
            return {}
        fit = self.trainer.fit_loop
        epochs: Any = fit.epoch_progress.current
        batches: Any = fit.epoch_loop.batch_progress
        return {
            "epoch": epochs.processed,
            "batches": batches.current.processed if epochs.started > epochs.processed else 0,
            "processes": self.trainer.world_size,
        }

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from there; Lightning calls this before it asks for a loader."""
        self.resumed = dict(state)

    def position(self, processes: int) -> dict[str, int]:
        """Epoch and position at which this training begins."""
        if not self.resumed:
            return {}
        if self.resumed["processes"] != processes:
            raise UserError(
                f"This run was trained by {self.resumed['processes']} processes, each with data.batch_size="
                f"{self.batch_size}; it cannot go on with {processes}: a step would be another. Give it "
                f"{self.resumed['processes']} again, or begin anew with rerun=all."
            )
        done = self.resumed["batches"] * self.batch_size * processes
        return {"epoch": self.resumed["epoch"], "start": done}

    def workers(self, processes: int) -> int:
        """How many loading processes this process starts."""
        if self.num_workers != "auto":
            return int(self.num_workers)
        return 0 if self.in_memory else max(1, min(14, usable_cores() // processes - 1))

    def train_dataloader(self) -> Loader:
        """Called by the Trainer."""
        return self.loader("train", training=True)

    def val_dataloader(self) -> Loader:
        """Called by the Trainer."""
        return self.loader("val")

    def test_dataloader(self) -> Loader:
        """Called by the Trainer."""
        return self.loader(self.test_split)


def usable_cores() -> int:
    """The cores that this process may use; macOS tells only how many there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def quiet_worker(_: int) -> None:
    """One thread per loading process; more would compete with the training itself."""
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
