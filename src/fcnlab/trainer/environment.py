"""What Lightning may believe of the environment: who started the processes that train together, and nothing else."""

import os
from typing import Any

import torch.distributed
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment

from fcnlab.cli import rank
from fcnlab.error import UserError

SETTING = "PL_TRAINER_"  # so begin the variables by which Lightning sets what the config leaves out
NOWHERE = os.devnull  # the folder that Lightning searches for ``hpc_ckpt_N.ckpt``: one that holds no file


class OneProcess(LightningEnvironment):
    """One process is the first, whatever RANK, LOCAL_RANK, NODE_RANK or SLURM_PROCID say."""

    @property
    def creates_processes_externally(self) -> bool:
        """Nobody else starts any."""
        return False

    def local_rank(self) -> int:
        """The first of this machine."""
        return 0

    def node_rank(self) -> int:
        """The first machine."""
        return 0


class RankedMachines(LightningEnvironment):
    """RANK counts machines, each of which starts its own processes, as Kubeflow and Vertex AI export it."""

    def node_rank(self) -> int:
        """Which machine this is."""
        return rank.number("RANK")


def environment(settings: dict[str, Any]) -> LightningEnvironment | SLURMEnvironment | TorchElasticEnvironment:
    """Who starts the processes of a Trainer: torchrun, srun, or Lightning; SLURM's signals are left to ``Signals``.

    Args:
        settings: the keys of conf/trainer.

    Raises:
        UserError: torchrun started another number of processes, or WORLD_SIZE counts other machines, than the config
            asks for; nobody says where the first machine is; a variable of the shell is a setting.
    """
    for key, value in os.environ.items():
        if key.startswith(SETTING) and value:
            raise UserError(
                f"{key}={value} in the shell is a setting to Lightning, of which config and record would not tell. "
                f"Unset it, and write trainer.{key.removeprefix(SETTING).lower()}={value}."
            )
    asked, elastic = rank.processes(settings), TorchElasticEnvironment.detect() and rank.number("WORLD_SIZE") > 1
    if elastic and rank.number("WORLD_SIZE") != asked:
        raise UserError(
            f"torchrun started {rank.number('WORLD_SIZE')} processes, but trainer.devices={settings['devices']} and "
            f"trainer.num_nodes={settings['num_nodes']} ask for {asked}. Give both the same number, or leave torchrun "
            "out: trainer=ddp starts the processes itself."
        )
    if elastic:
        return TorchElasticEnvironment()
    if asked == 1:
        return OneProcess()
    if rank.number("SLURM_NTASKS") > 1 and SLURMEnvironment.detect():
        try:
            return SLURMEnvironment(auto_requeue=False)
        except RuntimeError as error:
            raise UserError(f"SLURM's job does not fit trainer.devices={settings['devices']}: {error}") from error
    if not rank.number("WORLD_SIZE") and not torch.distributed.is_initialized():
        os.environ.pop("LOCAL_RANK", None)  # a launcher sets both; Lightning would wait for processes nobody starts
    if settings["num_nodes"] > 1 and not {"MASTER_ADDR", "MASTER_PORT"} <= os.environ.keys():
        raise UserError(
            f"trainer.num_nodes={settings['num_nodes']}, but MASTER_ADDR and MASTER_PORT do not say where the first "
            "machine is, so that each would wait for the others. Set them and NODE_RANK on each machine, or start by "
            "torchrun or srun."
        )
    told = {key for key in rank.STARTED if key in os.environ}
    if settings["num_nodes"] > 1 and told == {"RANK"} and rank.number("WORLD_SIZE") > 1:
        if rank.number("WORLD_SIZE") != settings["num_nodes"]:
            raise UserError(
                f"WORLD_SIZE={rank.number('WORLD_SIZE')} without LOCAL_RANK counts machines, but trainer.num_nodes="
                f"{settings['num_nodes']}. Give both the same number, or start by torchrun or srun."
            )
        return RankedMachines()
    return LightningEnvironment()
