"""A sweep on a SLURM cluster: jobs that meet their time limit are queued again and go on where they were; and CI's."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PROJECT, TINY

# Loading an image takes time here, so that a training outlasts a job's two minutes anywhere: 320 steps of 0.4 s.
SLOW = "import time, albumentations\nclass Slow(albumentations.NoOp):\n    def apply(self, image, **_):\n"
SLOW += "        time.sleep(0.1)\n        return image\n"
LONG = [word for word in TINY if not word.startswith(("epochs", "logger"))]
LONG += ["epochs=80", "data.batch_size=4", "data.augment=[{_target_: slow.Slow, p: 1.0}]", "checkpoint.every_n_steps=5"]
# SLURM looks every 30 s: it signals up to 30 s earlier than asked. Limits are whole minutes.
JOBS = ["hydra/launcher=slurm", "hydra.launcher.timeout_min=2", "hydra.launcher.signal_delay_s=10"]
JOBS += ["hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=null"]


def why_no_cluster() -> str:
    """What is missing for sending jobs; empty if nothing is."""
    for program in ("sinfo", "sbatch", "srun"):
        if not shutil.which(program):
            return f"there is no {program}: this is no machine of a SLURM cluster (.ci/slurm starts one as root)"
    asked = subprocess.run(["sinfo", "-h", "-o", "%P %a"], capture_output=True, text=True, check=False, timeout=30)
    if asked.returncode or " up" not in asked.stdout:
        return f"no partition of the cluster is up: {asked.stdout}{asked.stderr}"
    return ""


def play(folder: Path, **programs: str) -> dict[str, str]:
    """An environment in which these programs do what is told, and there are no others with which to start a cluster."""
    (folder / "bin").mkdir()
    for name in ("bash", "dirname", "grep", "timeout"):
        (folder / "bin" / name).symlink_to(shutil.which(name) or name)
    for name, script in programs.items():
        (folder / "bin" / name.replace("_", "-")).write_text(f"#!/bin/sh\n{script}\n")
        (folder / "bin" / name.replace("_", "-")).chmod(0o755)
    return {"PATH": str(folder / "bin"), "SLURM_CONF": str(folder / "slurm.conf")}


@pytest.mark.parametrize(
    ("programs", "said"),
    [
        ({"id": "echo 1000", "sinfo": "exit 1", "apt_get": "exit 0"}, "no root"),
        ({"id": "echo 1000", "sinfo": "exit 1", "slurmctld": "exit 1"}, "starting a cluster takes root"),
        ({"id": "echo 0", "sinfo": "exit 1", "apt_get": "exit 100"}, "apt-get update failed: no network"),
        ({"id": "echo 0", "sinfo": "exit 1", "apt_get": "[ $1 = update ]"}, "could not install slurm-wlm"),
        ({"id": "echo 0", "sinfo": "exit 1", "slurmctld": "exit 1"}, "is that of another cluster"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_no_cluster_is_started_where_none_can_be_and_none_is_harmed(
    programs: dict[str, str], said: str, tmp_path: Path
) -> None:
    own, theirs = tmp_path / "slurm.conf", "ClusterName=theirs\n"
    if "another" in said:
        own.write_text(theirs)
    bash = ["bash", str(PROJECT / ".ci" / "slurm")]
    done = subprocess.run(bash, env=play(tmp_path, **programs), capture_output=True, text=True, check=False)
    assert (done.returncode, said in done.stdout) == (3, True), done.stdout + done.stderr
    assert own.read_text() == theirs if "another" in said else not own.exists()


@pytest.mark.parametrize(("slurm", "expected"), [(0, 0), (1, 1), (3, 0)])
def test_ci_goes_on_without_a_cluster_only_where_there_can_be_none(slurm: int, expected: int, tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(PROJECT / ".ci", project / ".ci")
    (project / ".ci" / "slurm").write_text(f"exit {slurm}\n")
    environment = play(tmp_path, make="echo make $@")
    bash = ["bash", str(project / ".ci" / "run")]
    done = subprocess.run(bash, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == expected, done.stdout + done.stderr
    assert ("make test-slurm\n" in done.stdout) == (slurm == 0)
    assert ("make test-slurm: skipped" in done.stdout) == (slurm == 3)


@pytest.mark.slurm
def test_three_variants_outlast_their_jobs_each_in_one_folder_with_one_wandb_run(tmp_path: Path) -> None:
    if problem := why_no_cluster():
        pytest.skip(problem)
    (tmp_path / "slow.py").write_text(SLOW)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    call = [sys.executable, "-m", "fcnlab.train", "-m", *JOBS, *LONG, "model=fcn32s,fcn16s,fcn8s"]
    done = subprocess.run(
        call, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=900
    )  # fmt: skip
    said = "\n".join(file.read_text() for file in tmp_path.glob("runs/slurm/*.out"))
    assert done.returncode == 0, done.stdout + done.stderr + said
    runs = sorted((tmp_path / "runs").glob("shapes-*"))
    assert [run.name.split("-")[1] for run in runs] == ["fcn16s", "fcn32s", "fcn8s"]
    for run in runs:
        record = json.loads((run / "record.json").read_text())
        assert record["status"] == "finished"
        assert (run / "train.log").read_text().count("Going on from") >= 1, (
            "the job's time was longer than the training"
        )
        logs = list((tmp_path / "runs" / "wandb").glob(f"offline-run-*-{record['wandb_id']}"))
        assert len(logs) >= 2, "every job writes a part of the one W&B run"
        steps = [line.split(",")[1] for line in (run / "history.csv").read_text().splitlines()[1:]]
        assert steps == [str(4 * (epoch + 1)) for epoch in range(80)]
    ids = {json.loads((run / "record.json").read_text())["wandb_id"] for run in runs}
    assert len(ids) == 3
    assert {path.name.rpartition("-")[2] for path in (tmp_path / "runs" / "wandb").glob("offline-run-*")} == ids
