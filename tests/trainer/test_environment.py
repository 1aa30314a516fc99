"""Lightning finds no checkpoint that was not given, takes no signal, and starts the processes that were asked for."""

import shutil
import signal
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from conftest import TINY, Command, Trained
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment

from fcnlab.callbacks.checkpoints import LastCheckpoint
from fcnlab.cli import rank
from fcnlab.error import UserError
from fcnlab.run.files import read_history
from fcnlab.trainer.environment import OneProcess, environment

SLURM = {"SLURM_NTASKS": "1", "SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "x"} | dict.fromkeys(
    ("SLURM_PROCID", "SLURM_LOCALID", "SLURM_NODEID"), "0"
)


@pytest.fixture
def stray(lively: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A SLURM job in a folder that holds another run's checkpoint under the name by which Lightning requeues."""
    for key, value in SLURM.items():
        monkeypatch.setenv(key, value)
    return Path(shutil.copy(Path(lively.checkpoint).with_name("best.ckpt"), tmp_path / "hpc_ckpt_1.ckpt"))


def test_a_fresh_run_begins_at_its_own_beginning(command: Command, stray: Path) -> None:
    assert command("train", *TINY, "seed=1", "epochs=2").code == 0
    (file,) = Path("runs").glob("*/history.csv")
    assert [row["epoch"] for row in read_history(file)] == [0, 1]


def test_evaluate_and_predict_take_the_checkpoint_that_was_given(
    command: Command, stray: Path, trained: Trained
) -> None:
    PIL.Image.fromarray(np.arange(64 * 64 * 3, dtype=np.uint8).reshape(64, 64, 3)).save("photo.png")
    drawn = {}
    for folder in ("with", "without"):
        typed = f"checkpoint={trained.checkpoint}"
        scores = command("evaluate", typed, "trainer.precision=32-true", "split=val").value
        assert scores["val/mean_iou"] == trained.value["val/mean_iou"]
        assert command("predict", typed, "images=photo.png", f"output={folder}").code == 0
        drawn[folder] = np.asarray(PIL.Image.open(f"{folder}/photo.png"))
        stray.unlink(missing_ok=True)
    assert (drawn["with"] == drawn["without"]).all()


@pytest.mark.parametrize(("machines", "told"), [(2, ""), (3, "WORLD_SIZE=2 without LOCAL_RANK counts machines")])
def test_a_rank_without_a_local_one_counts_machines(machines: int, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Kubeflow exports them: Lightning alone would take each machine for the first and wait for the others."""
    for key in rank.STARTED:
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    settings = {"devices": 4, "num_nodes": machines}
    with pytest.raises(UserError, match="MASTER_ADDR and MASTER_PORT do not say where the first machine is"):
        environment(settings)
    monkeypatch.setenv("MASTER_ADDR", "first")
    monkeypatch.setenv("MASTER_PORT", "29500")
    if told:
        with pytest.raises(UserError, match=told):
            environment(settings)
        return
    assert environment(settings).node_rank() == 1
    assert not environment(settings).creates_processes_externally
    monkeypatch.setenv("NODE_RANK", "0")  # said by hand
    assert environment(settings).node_rank() == 0


def test_a_signal_of_slurm_writes_nothing_beside_the_run(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in SLURM.items():
        monkeypatch.setenv(key, value)
    keep = LastCheckpoint.on_train_batch_end

    def asks(self: LastCheckpoint, *arguments: object) -> None:
        signal.raise_signal(signal.SIGUSR1)
        keep(self, *arguments)

    monkeypatch.setattr(LastCheckpoint, "on_train_batch_end", asks)
    outcome = command("train", *TINY, "data.batch_size=4")
    assert outcome.text.endswith(str(128 + signal.SIGUSR1))
    assert [file.name for file in tmp_path.iterdir()] == ["runs"]


@pytest.mark.parametrize(
    ("devices", "variables", "kind"),
    [
        (1, {"LOCAL_RANK": "1", "WORLD_SIZE": "2"}, OneProcess),
        (1, SLURM, OneProcess),
        (2, SLURM, LightningEnvironment),  # one task: SLURM starts no second process, Lightning does
        (2, SLURM | {"SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "2"}, SLURMEnvironment),
        (2, {}, LightningEnvironment),
    ],
)
def test_the_processes_are_started_by_whoever_was_asked_to(
    devices: int, variables: dict[str, str], kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in variables.items():
        monkeypatch.setenv(key, value)
    found = environment({"devices": devices, "num_nodes": 1})
    assert type(found) is kind
    if kind is SLURMEnvironment:
        assert not found.auto_requeue
    else:
        assert (found.local_rank(), found.node_rank()) == (0, 0)


def test_a_stray_local_rank_lets_lightning_wait_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "0")
    assert not environment({"devices": 2, "num_nodes": 1}).creates_processes_externally


def test_tasks_that_slurm_spreads_by_itself_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in (SLURM | {"SLURM_NTASKS": "2"}).items():
        monkeypatch.setenv(key, value)
    with pytest.raises(UserError, match="Use `--ntasks-per-node=2` instead"):
        environment({"devices": 2, "num_nodes": 1})


def test_torchrun_and_the_config_must_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UserError, match=r"torchrun started 2 processes, but trainer.devices=1 .* ask for 1. Give both"):
        environment({"devices": 1, "num_nodes": 1})
    assert rank.is_started_by_others()


def test_a_setting_of_lightning_in_the_shell_is_no_setting(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PL_TRAINER_LIMIT_PREDICT_BATCHES", "")
    monkeypatch.setenv("PL_TRAINER_BAREBONES", "1")
    outcome = command("train", *TINY)
    assert outcome.code == 1
    assert "Unset it, and write trainer.barebones=1." in outcome.text
