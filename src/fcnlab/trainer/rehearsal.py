"""A rehearsal before a training: what only the built data and net can tell, told before hours have gone by.

It changes no weight and no random number, and its time does not depend on the size of the net: a batch of shapes goes
through it, no pixel.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any

import lightning as L
import torch
from lightning.pytorch.utilities.seed import isolate_rng
from torch import nn

from fcnlab.cli.explain import wants_memory
from fcnlab.data.datamodule import SegmentationData
from fcnlab.error import UserError, one_line
from fcnlab.task.segmentation import SegmentationTask


def rehearse(task: L.LightningModule, data: SegmentationData, trainer: L.Trainer, config: Mapping[str, Any]) -> None:
    """Raise UserError for what Lightning or torch would refuse later, in the middle of the training or at its test.

    Args:
        config: of the training, in plain Python.
    """
    data.trainer = trainer  # which tells how many processes share the images; fit does the same
    with isolate_rng():
        loader = data.train_dataloader()
        limits, overfit = config["trainer"], config["trainer"]["overfit_batches"]
        batches = limited("train", len(loader), overfit or limits["limit_train_batches"])
        if 0 < (share := overfit or limits["limit_val_batches"] or 0) < 1:
            limited("val", len(data.val_dataloader()), share)
        if config["test"] and 0 < (share := limits["limit_test_batches"] or 0) < 1:
            limited("test", len(data.test_dataloader()), share)
        refuse_intervals(trainer, batches, config)
        if isinstance(task, SegmentationTask) and hasattr(loader, "sampler"):
            draws = islice(iter(loader.sampler), min(2, data.batch_size))  # two tell as much as more
            pass_shapes(task, loader.collate_fn([loader.dataset[draw] for draw in draws])["image"])


def limited(split: str, batches: int, limit: int | float | None) -> int:
    """How many batches of an epoch a limit leaves: a number of them, or a share."""
    if not isinstance(limit, float):
        return batches if limit is None else min(batches, limit)
    if limit > 0 and int(batches * limit) == 0:
        raise UserError(
            f"trainer.limit_{split}_batches={limit} (or trainer.overfit_batches) leaves none of the {batches} batches "
            f"of {split}. Set a number of batches, as 1, or a share of {1 / batches:.3g} or more."
        )
    return int(batches * limit)


def refuse_intervals(trainer: L.Trainer, batches: int, config: Mapping[str, Any]) -> None:
    """Raise UserError for a validation that an epoch, or the training, is too short for."""
    interval = trainer.val_check_interval
    if not isinstance(interval, int) or isinstance(interval, bool):
        return
    if trainer.check_val_every_n_epoch is not None and interval > batches:
        raise UserError(
            f"trainer.val_check_interval={interval} is longer than an epoch, which has {batches} training batches. Set "
            f"{batches} or less, or count over epochs with trainer.check_val_every_n_epoch=null."
        )
    epochs, steps = trainer.max_epochs, trainer.max_steps
    total = steps * trainer.accumulate_grad_batches if steps != -1 else batches * (epochs or 0)
    if epochs not in (None, -1):
        total = min(total, batches * epochs)
    if interval > total and (config["score"] == "best" or config["early_stopping"] is not None):
        raise UserError(
            f"trainer.val_check_interval={interval} is longer than the whole training of {total} batches, so that "
            "score=best and early_stopping have no validation to go by. Set it lower, or score=last."
        )


def pass_shapes(task: nn.Module, image: torch.Tensor) -> None:
    """Raise UserError where a task cannot be trained on images (N, c, H, W) like these.

    First on torch's device ``meta``, which computes shapes alone. Only where that fails the net is run, as it may do
    what ``meta`` cannot.
    """
    with torch.no_grad(), in_training(task), as_it_was(task):
        tensors = {**dict(task.named_parameters()), **dict(task.named_buffers())}
        tensors = {name: tensor.to("meta") for name, tensor in tensors.items()}
        try:
            torch.func.functional_call(task, tensors, (image.to("meta"),))
            return
        except Exception:  # what a net does on meta is not defined
            pass
    with torch.no_grad(), in_training(task), as_it_was(task):
        buffers = {name: tensor.clone() for name, tensor in task.named_buffers()}  # running means stay as they are
        try:
            torch.func.functional_call(task, buffers, (image,))
        except UserError:
            raise
        except (RuntimeError, ValueError) as error:
            if wants_memory(error):
                raise
            raise UserError(explain(str(error), image.shape)) from error


@contextmanager
def in_training(task: nn.Module) -> Iterator[None]:
    """All modules in training mode and not compiled; afterwards each is as it was."""
    modes = [(module, module.training, module._compiled_call_impl) for module in task.modules()]
    try:
        for module, _, _ in modes:
            module.training, module._compiled_call_impl = True, None
        yield
    finally:
        for module, training, compiled in modes:
            module.training, module._compiled_call_impl = training, compiled


@contextmanager
def as_it_was(task: nn.Module) -> Iterator[None]:
    """Afterwards all modules have the attributes from before: a net may keep what it made for an image's size."""
    kinds = (dict, list, set)
    before = [(module, dict(vars(module))) for module in task.modules()]
    held = [(one, one.copy()) for _, known in before for one in known.values() if type(one) in kinds]
    try:
        yield
    finally:
        for module, known in before:
            for name in [name for name, value in vars(module).items() if known.get(name, module) is not value]:
                vars(module).pop(name)
            vars(module).update(known)
        for one, items in held:
            one.clear()
            one.extend(items) if isinstance(one, list) else one.update(items)


def explain(error: str, shape: torch.Size) -> str:
    """An error of torch as a message."""
    images, channels, height, width = shape
    if "Expected more than 1 value per channel" in error:
        return (
            f"Batch norm gets one value per channel from a batch of {images} image{'s' * (images > 1)} of "
            f"{height}x{width}, and one value has no deviation. Set data.batch_size=2 or more, take larger images, or "
            "a backbone without batch norm."
        )
    return (
        f"The net fails on a batch of {images} images of {channels} channels, {height}x{width}: "
        f"{one_line(error)}. Look at the settings of model=..., or see the stack by trace=true."
    )
