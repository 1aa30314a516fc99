"""Freed memory stays with the process: another large tensor is not faulted in page by page."""

import os
import subprocess
import sys
from pathlib import Path

import PIL.Image
import pytest
from conftest import TINY, Command, Trained

KEPT = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"

FAULTS = """
import resource, torch
from fcnlab.trainer.allocator import keep_freed_memory
kept = {kept} and keep_freed_memory()
def use():
    torch.ones(2**24)  # 64 MiB: above what glibc keeps by itself
for _ in range(10):
    use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    use()
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(kept: bool) -> tuple[bool, int]:
    """Whether memory was kept, and the page faults of ten large tensors, one after the other."""
    said = subprocess.run([sys.executable, "-c", FAULTS.format(kept=kept)], capture_output=True, text=True, check=True)
    word, number = said.stdout.split()
    return word == "True", int(number)


@pytest.mark.slow
def test_freed_memory_is_used_again() -> None:
    kept, few = faults(kept=True)
    if not kept:
        pytest.skip("another C library than glibc")
    _, many = faults(kept=False)
    assert 10 * few < many


@pytest.mark.parametrize(("name", "number"), [("predict", "0"), ("evaluate", "200")])
def test_commands_bound_what_onednn_keeps(
    name: str, number: str, command: Command, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEPT, "7")
    PIL.Image.new("RGB", (9, 7)).save("a.png")
    more = ("images=a.png", "output=out") if name == "predict" else ()
    assert command(name, f"checkpoint={trained.checkpoint}", *more).code == 0
    assert os.environ[KEPT] == "7"  # typed by the user
    monkeypatch.delenv(KEPT)
    assert command(name, f"checkpoint={trained.checkpoint}", *more).code == 0
    assert os.environ[KEPT] == number


PEAK = """
from pathlib import Path
from fcnlab.predict import main
main()
status = Path("/proc/self/status").read_text()  # ru_maxrss would count what the process that started this one had
print(status.partition("VmHWM:")[2].split()[0])
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_sizes_of_images(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = [w for w in TINY if "width" not in w and "fc_channels" not in w]
    assert command("train", *wide, "model.backbone.width=0.25", "model.backbone.fc_channels=64").code == 0
    (checkpoint,) = Path("runs").glob("*/checkpoints/best.ckpt")
    (tmp_path / "photos").mkdir()
    for i in range(80):
        PIL.Image.new("RGB", (100 + 5 * i, 500 - 4 * i)).save(f"photos/{i}.png")
    peaks = []
    for variables in ({}, {KEPT: "1024"}):
        own = {k: v for k, v in os.environ.items() if k != KEPT} | variables
        words = [f"checkpoint={checkpoint}", "images=photos", f"output=out{len(peaks)}"]
        call = [sys.executable, "-c", PEAK, *words]
        done = subprocess.run(call, env=own, cwd=tmp_path, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout.split()[-1]))
    assert peaks[0] < 0.85 * peaks[1], peaks
