"""Visualizations and comparisons need arrays alone: a command that trains nothing loads no training library."""

import subprocess
import sys

TRAINING = ("lightning", "torchmetrics", "albumentations", "torchvision", "wandb")
LIGHT = ("fcnlab.visualize", "fcnlab.comparison.page", "fcnlab.comparison.table", "fcnlab.comparison.readme")


def test_a_comparison_loads_no_library_that_trains() -> None:
    code = f"import sys, {', '.join(LIGHT)}; print(*(name for name in {TRAINING} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == []
