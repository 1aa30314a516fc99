"""How the tests run what a stranger brings: the real command, a folder of YAML, a module of one's own, tiny data."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from conftest import Command

from fcnlab.cli.compose import build
from fcnlab.run.files import read_history, read_json
from fcnlab.task.build import load

HERE = Path(__file__).parent
WORDS = (
    *("experiment=shapes", "logger=none", "trainer.enable_progress_bar=false", "epochs=1", "scheduler.warmup=0"),
    *("trainer.precision=32-true", "model.backbone.width=0.05", "model.backbone.fc_channels=8", "optim.lr=0.02"),
    *("data.images.train=8", "data.images.val=4", "data.images.test=4", "data.size=32", "data.batch_size=4"),
    *("data.count=[1,2]", "data.classes=[disc,star]", f"--config-dir={HERE / 'conf'}"),
)
TRUST = ["mylab", "torch", "torchvision", "segmentation_models_pytorch", "torchmetrics"]


class Brought:
    """A finished run of a stranger's: its folder, its scores, what it printed."""

    def __init__(self, folder: Path, value: Any, text: str) -> None:
        self.folder, self.value, self.text = folder, value, text

    @property
    def history(self) -> list[dict[str, float]]:
        return read_history(self.folder / "history.csv")

    @property
    def record(self) -> dict[str, Any]:
        return read_json(self.folder / "record.json")

    @property
    def best(self) -> Path:
        return self.folder / "checkpoints" / "best.ckpt"

    def last(self) -> dict[str, Any]:
        return torch.load(self.folder / "checkpoints" / "last.ckpt", weights_only=True)

    def config(self) -> dict[str, Any]:
        return yaml.safe_load((self.folder / "config.yaml").read_text())

    @torch.no_grad()
    def outputs(self, split: str, checkpoint: str = "best") -> tuple[torch.Tensor, torch.Tensor]:
        """Logits (N, C, H, W) and masks (N, H, W) of a split, from a checkpoint alone: its own, or the file named."""
        own = self.folder / "checkpoints" / f"{checkpoint}.ckpt"
        task = load(own if own.is_file() else checkpoint, trust=TRUST)
        batches = list(build(self.config()["data"]).loader(split))
        return torch.cat([task(b["image"]) for b in batches]), torch.cat([b["mask"] for b in batches])


Bring = Callable[..., Brought]


def forget() -> None:
    """Forget the module of one's own: other tests have others of that name."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "mylab"]:
        del sys.modules[name]


@pytest.fixture
def bring(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bring:
    """Train with a stranger's words; ``vgg=False``: with another net or backbone than a tiny VGG16."""
    monkeypatch.syspath_prepend(str(HERE))

    def run(*words: str, runs: str = "runs", vgg: bool = True) -> Brought:
        common = [word for word in WORDS if vgg or not word.startswith("model.backbone.")]
        outcome = command("train", *common, *words, f"runs_dir={runs}")
        assert outcome.code == 0, outcome.text
        folder = max((tmp_path / runs).glob("shapes-*"), key=lambda path: (path / "record.json").stat().st_mtime_ns)
        return Brought(folder, outcome.value, outcome.text)

    forget()
    yield run
    forget()


@pytest.fixture
def refused(command: Command, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Train with a stranger's words that are refused; what was printed."""
    monkeypatch.syspath_prepend(str(HERE))

    def run(*words: str) -> str:
        outcome = command("train", *WORDS, *words)
        assert outcome.code == 1, outcome.text
        assert "Traceback" not in outcome.text
        return outcome.text

    forget()
    yield run
    forget()


def confusion(prediction: Any, truth: Any, classes: int = 3) -> Any:
    """Pixels (truth, prediction), by numpy."""
    pairs = np.zeros((classes, classes))
    np.add.at(pairs, (truth, prediction), 1)
    return pairs
