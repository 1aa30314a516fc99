"""Which of the processes that train together this one is, by what really runs together."""

import os
import sys
from collections.abc import Mapping
from typing import Any

from fcnlab.error import UserError

# Set by torchrun and by Lightning for the processes that they start; on a second machine the first has LOCAL_RANK 0.
STARTED = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK")
READ = ("RANK", "LOCAL_RANK", "SLURM_PROCID", "JSM_NAMESPACE_RANK")  # by Lightning, as it is imported
several = False  # whether this command asked for more processes than this one


def expect(trainer: Mapping[str, Any]) -> None:
    """Tell for how many processes a command asks by ``trainer.devices`` and ``num_nodes``.

    A shell may export RANK or SLURM_PROCID for something else; with one process this is the first, whatever they say.
    """
    global several
    several = processes(trainer) > 1
    if not several:  # before Lightning is imported, which keeps what it finds there
        from lightning_utilities.core.rank_zero import rank_zero_only

        rank_zero_only.rank = 0  # type: ignore[attr-defined]


def refuse_no_number() -> None:
    """Raise UserError for a variable that Lightning would take for a number when it is imported."""
    for key in READ:
        if not os.environ.get(key, "0").isdecimal():
            raise UserError(f"{key}={os.environ[key]} in the environment is no number. Type: unset {key}.")


def processes(trainer: Mapping[str, Any]) -> int:
    """How many processes ``trainer`` (keys of conf/trainer) means on this machine's devices, at least 1."""
    devices, nodes = trainer.get("devices", 1), int(trainer.get("num_nodes") or 1)
    if isinstance(devices, str) and "," in devices:
        devices = [part for part in devices.split(",") if part.strip()]
    if isinstance(devices, str) and devices.strip().lstrip("-").isdigit():
        devices = int(devices)
    if isinstance(devices, int) and devices >= 0:
        return devices * nodes
    if devices in ("auto", -1):
        return visible_gpus(str(trainer.get("accelerator", "auto"))) * nodes
    return (len(devices) if hasattr(devices, "__len__") and not isinstance(devices, str) else 1) * nodes


def visible_gpus(accelerator: str) -> int:
    """How many devices ``auto`` takes: all GPUs, or one CPU."""
    if accelerator not in ("auto", "gpu", "cuda"):
        return 1
    import torch

    return max(1, torch.cuda.device_count())


def is_started_by_others() -> bool:
    """Whether a launcher (torchrun, Lightning, srun with several tasks) started this process as one of several."""
    return number("WORLD_SIZE") > 1 or number("SLURM_NTASKS") > 1


def number(key: str) -> int:
    """An environment variable as a number; 0 where it is none."""
    value = os.environ.get(key, "")
    return int(value) if value.isdecimal() else 0


def is_first_process() -> bool:
    """Whether this process speaks and writes for all that train together."""
    group = sys.modules.get("torch.distributed")
    if group is not None and group.is_available() and group.is_initialized():
        return bool(group.get_rank() == 0)
    if not several:
        return True
    told = STARTED if number("WORLD_SIZE") > 1 else ("NODE_RANK",)  # set by hand where trainer.num_nodes is
    slurm = ("SLURM_PROCID",) if number("SLURM_NTASKS") > 1 else ()
    return all(number(key) == 0 for key in (*told, *slurm))
