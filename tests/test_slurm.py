"""A sweep on a SLURM cluster: jobs that meet their time limit are queued again and go on where they were."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import TINY

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
