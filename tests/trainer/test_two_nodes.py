"""Two hosts (network namespaces, .ci/two_nodes) train as two processes on one do; a host that is cut off is told."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import PROJECT, TINY, Command

pytestmark = pytest.mark.slow
SCRIPT = str(PROJECT / ".ci" / "two_nodes")
# Loading an image takes time, so that the cable is pulled in mid-epoch on any machine.
SLOW = "import time, albumentations\nclass Slow(albumentations.NoOp):\n    def apply(self, image, **_):\n"
SLOW += "        time.sleep(0.1)\n        return image\n"
WORDS = [
    *(word for word in TINY if not word.startswith(("epochs", "data.images.train"))),
    *("epochs=3", "data.images.train=32", "data.batch_size=4", "model.backbone.batch_norm=false"),
    *("data.augment=[{_target_: slow.Slow, p: 1.0}]", "checkpoint.every_n_steps=1"),
    *("trainer=ddp", "trainer.accelerator=cpu", "+trainer.strategy.timeout.seconds=8"),
    "trainer.strategy.timeout.minutes=0",
]


class Hosts:
    """Both of them, in a folder that they share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # As long as the names are short: that of a network device has at most 15 characters.
        paths = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
        self.name = f"fl{os.getpid()}"
        self.environment = os.environ | {"FCNLAB_HOSTS": self.name, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
        self.started: list[subprocess.Popen[bytes]] = []

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", SCRIPT, *words], env=self.environment, capture_output=True, text=True, timeout=60
        )

    def torchrun(self, host: int, port: int, *words: str) -> Path:
        """The README's command on one host; returns the file to which it prints."""
        rendezvous = ["--rdzv-backend=c10d", f"--rdzv-endpoint={self.name}0:{port}"]
        run = [sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1", *rendezvous]
        file = self.folder / f"{port}-{host}.txt"
        command = ["bash", SCRIPT, "on", str(host), *run, "-m", "fcnlab.train", *words]
        with file.open("wb") as out:
            self.started.append(
                subprocess.Popen(
                    command, cwd=self.folder, env=self.environment, stdout=out, stderr=out, start_new_session=True
                )
            )
        return file

    def end(self) -> None:
        """End what is left."""
        for process in self.started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.started.clear()


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """Two hosts that are up."""
    both = Hosts(tmp_path_factory.mktemp("hosts"))
    (both.folder / "slow.py").write_text(SLOW)
    made = both.call("up")
    if made.returncode == 3:
        pytest.skip(made.stdout.strip())
    assert made.returncode == 0, made.stdout + made.stderr
    yield both
    both.end()
    both.call("down")


def words(runs: Path) -> list[str]:
    return [*WORDS, "trainer.devices=1", "trainer.num_nodes=2", f"runs_dir={runs}"]


def train(hosts: Hosts, port: int, runs: Path) -> Path:
    """Train on both hosts to the end; the run's folder."""
    files = [hosts.torchrun(host, port, *words(runs)) for host in (0, 1)]
    codes = [process.wait(timeout=300) for process in hosts.started]
    assert codes == [0, 0], "\n".join(file.read_text() for file in files)
    hosts.started.clear()
    return only(runs)


def only(runs: Path) -> Path:
    (found,) = runs.glob("shapes-*")
    return found


def weights(run: Path) -> dict[str, torch.Tensor]:
    return dict(torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"])


@pytest.fixture(scope="module")
def whole(hosts: Hosts) -> Path:
    """The folder of a run that both hosts trained without a break."""
    return train(hosts, 29500, hosts.folder / "whole")


def until(file: Path, text: str, seconds: float = 120) -> None:
    """Wait until a file is there and holds a text."""
    end = time.monotonic() + seconds
    while not (file.is_file() and text in file.read_text(errors="replace")):
        assert time.monotonic() < end, f"no {text!r} in {file}"
        time.sleep(0.2)


def test_two_hosts_train_what_two_processes_on_one_do_and_count_every_test_image_once(
    hosts: Hosts, whole: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(hosts.folder))
    one_host = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    runs = hosts.folder / "one_host"
    call = [*one_host, "-m", "fcnlab.train", *WORDS, "trainer.devices=2", f"runs_dir={runs}"]
    done = subprocess.run(call, cwd=hosts.folder, env=hosts.environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    first, second = weights(whole), weights(only(runs))
    assert all(torch.equal(tensor, second[key]) for key, tensor in first.items() if key.startswith("net."))

    best = f"checkpoint={whole}/checkpoints/best.ckpt"
    assert command("evaluate", best, "output=alone", "trainer.enable_progress_bar=false").code == 0
    together, alone = np.load(whole / "counts.npz"), np.load("alone/counts.npz")
    assert list(together["names"]) == [f"test_{i:05d}" for i in range(7)]
    assert all((together[key] == alone[key]).all() for key in alone)


def test_a_host_that_is_cut_off_is_told_at_both_ends_and_the_same_command_goes_on(hosts: Hosts, whole: Path) -> None:
    runs = hosts.folder / "cut"
    files = [hosts.torchrun(host, 29501, *words(runs)) for host in (0, 1)]
    end = time.monotonic() + 120
    while not list(runs.glob("*/checkpoints/last.ckpt")):
        assert time.monotonic() < end, "\n".join(file.read_text() for file in files)
        time.sleep(0.05)
    assert hosts.call("cut").returncode == 0
    for file in files:
        until(file, "Another process of this training does not answer")
    assert hosts.started[0].wait(timeout=120) != 0
    hosts.end()  # torchrun of the host that was cut off waits for the other
    assert hosts.call("mend").returncode == 0
    assert not (only(runs) / "metrics.json").exists()

    run = train(hosts, 29502, runs)
    assert "Going on from" in (run / "train.log").read_text()
    first, second = weights(whole), weights(run)
    assert all(torch.equal(tensor, second[key]) for key, tensor in first.items() if key.startswith("net."))


def test_a_machine_without_root_is_told_why() -> None:
    path = os.environ["PATH"]
    fake = "id() { echo 1000; }; export -f id; bash " + SCRIPT + " up"
    done = subprocess.run(["bash", "-c", fake], env={"PATH": path}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 3
    assert done.stdout.startswith("two_nodes: ")
