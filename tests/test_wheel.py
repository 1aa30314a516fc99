"""The wheel carries ``conf/``: commands and trained nets work from any folder, without a checkout."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PROJECT, Trained

LOOK = """
import sys, fcnlab
from fcnlab.cli.compose import CONF
from fcnlab.task.segmentation import SegmentationTask
assert fcnlab.__file__.startswith(sys.argv[1]), fcnlab.__file__
assert str(CONF).startswith(sys.argv[1]), CONF
print(type(SegmentationTask.load(sys.argv[2]).net).__name__)
"""


def run(*words: str, folder: Path, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env=os.environ | environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_wheel_works_from_any_folder(trained: Trained, tmp_path: Path) -> None:
    pip = ("-m", "pip", "--disable-pip-version-check")
    run(*pip, "wheel", str(PROJECT), "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), folder=tmp_path)
    (wheel,) = tmp_path.glob("fcnlab-*.whl")
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    run(*pip, "install", "--no-deps", "--target", str(site), str(wheel), folder=tmp_path)
    config = run("-m", "fcnlab.train", "experiment=shapes", "--cfg", "job", folder=elsewhere, PYTHONPATH=str(site))
    assert "_target_: fcnlab.model.fcn.FCN" in config
    assert run("-c", LOOK, str(site), trained.checkpoint, folder=elsewhere, PYTHONPATH=str(site)).strip() == "FCN"
    assert (site / "fcnlab" / "comparison" / "page.html").is_file()
    assert (site / "fcnlab" / "model" / "card.md.jinja").is_file()
    assert not list(elsewhere.iterdir())
