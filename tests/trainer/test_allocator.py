"""Freed memory stays with the process: another large tensor is not faulted in page by page."""

import subprocess
import sys

import pytest

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


def test_freed_memory_is_used_again() -> None:
    kept, few = faults(kept=True)
    if not kept:
        pytest.skip("another C library than glibc")
    _, many = faults(kept=False)
    assert 10 * few < many
