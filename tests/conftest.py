"""What tests share: commands driven as a person types them, a tiny trained run, and files that lie elsewhere."""

import importlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock
from hydra._internal.hydra import Hydra
from hydra.types import RunMode

# nohup make test, or make test & in a script: what tests start would ignore the signals too, which some of them send.
for heard in ("SIGHUP", "SIGINT"):
    if hasattr(signal, heard) and signal.getsignal(getattr(signal, heard)) is signal.SIG_IGN:
        signal.signal(getattr(signal, heard), signal.default_int_handler if heard == "SIGINT" else lambda *_: None)

PROJECT = Path(__file__).parents[1]
TINY = (
    *("experiment=shapes", "logger=none", "trainer.enable_progress_bar=false", "epochs=1"),
    *("trainer.precision=32-true", "model.backbone.width=0.05", "model.backbone.fc_channels=16"),
    *("data.images.train=16", "data.images.val=5", "data.images.test=7", "data.size=64"),
)


@dataclass
class Outcome:
    """How a command ended: exit code, what it returned, everything it printed."""

    code: int
    value: object
    text: str


Command = Callable[..., Outcome]


def call(name: str, arguments: tuple[str, ...]) -> tuple[int, object, str]:
    """Call ``python -m fcnlab.<name> <arguments>`` in this process: exit code, value, message."""
    argv, sys.argv = sys.argv, [name, *arguments]
    try:
        return 0, importlib.import_module(f"fcnlab.{name}").main(), ""
    except SystemExit as stop:
        return (0, None, "") if stop.code in (0, None) else (1, None, str(stop.code))
    finally:
        sys.argv = argv


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run a command in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(name: str, *arguments: str) -> Outcome:
        code, value, message = call(name, arguments)
        captured = capfd.readouterr()
        return Outcome(code, value, captured.out + captured.err + message)

    return run


def table(text: str, jobs: int) -> list[list[str]]:
    """The words of every row of the table that ends a sweep."""
    lines = text[text.index(f"\n{jobs} job") :].splitlines()[3:]
    return [line.split() for line in lines[:jobs]]


def leave_at_epoch(number: int, error: type[BaseException] = SystemExit) -> Callable[..., None]:
    """Instead of ``History.on_train_epoch_end``: the process leaves, so to say, at the end of so many epochs."""
    from fcnlab.callbacks.history import History

    keep, epochs = History.on_train_epoch_end, count(1)

    def on_train_epoch_end(self: History, trainer: Any, task: Any) -> None:
        if next(epochs) == number:
            raise error("in the middle")
        keep(self, trainer, task)

    return on_train_epoch_end


@dataclass
class Trained:
    """A finished run of ``fcnlab.train`` and what it printed."""

    folder: Path
    value: dict[str, float]

    @property
    def checkpoint(self) -> str:
        return str(self.folder / "checkpoints" / "best.ckpt")


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that the first test worker to need it makes for all of them; tests only read it."""
    alone = "PYTEST_XDIST_WORKER" not in os.environ
    root = factory.getbasetemp() if alone else factory.getbasetemp().parent
    folder = root / name
    with FileLock(root / f"{name}.lock"):
        if not (folder / ".made").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            (folder / ".made").touch()
    return folder


def succeed(name: str, *arguments: str) -> None:
    """Call a command that must succeed."""
    code, _, message = call(name, arguments)
    assert code == 0, message


def only_run(runs: Path) -> Trained:
    """The one run in a folder, with its scores."""
    (folder,) = runs.glob("shapes-*")
    return Trained(folder, json.loads((folder / "metrics.json").read_text()))


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A tiny FCN-8s on shapes, trained through the command."""
    return only_run(
        made_once(tmp_path_factory, "trained", lambda runs: succeed("train", *TINY, f"runs_dir={runs}")),
    )


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four finished runs in one folder: FCN-32s and FCN-8s, two seeds each, from one sweep."""
    words = [word for word in TINY if not word.startswith("epochs")]
    choices = ("epochs=2", "data.batch_size=4", "model=fcn8s,fcn32s", "seed=0,1")
    return made_once(
        tmp_path_factory, "finished", lambda runs: succeed("train", "-m", *words, *choices, f"runs_dir={runs}")
    )


@pytest.fixture(scope="session")
def lively(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The tiny run with score layers that see every class: an epoch teaches it the background alone."""

    def make(runs: Path) -> None:
        folder = shutil.copytree(trained.folder, runs / trained.folder.name)
        saved = torch.load(folder / "checkpoints" / "best.ckpt", weights_only=True)
        draw = torch.Generator().manual_seed(0)
        for name, tensor in saved["state_dict"].items():
            if name.startswith("net.score_"):
                tensor.copy_(torch.randn(tensor.shape, generator=draw))
        torch.save(saved, folder / "checkpoints" / "best.ckpt")

    return only_run(made_once(tmp_path_factory, "lively", make))


@pytest.fixture(scope="session")
def exported(lively: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder to which the lively run was exported, within the run's own folder."""
    made_once(tmp_path_factory, "exported", lambda _: succeed("export", f"checkpoint={lively.checkpoint}"))
    return lively.folder / "export"


@pytest.fixture(scope="session")
def test_data() -> Path:
    """A folder with CamVid, VOCdevkit, weights and reference logits, none of which the project may ship."""
    place = os.environ.get("FCNLAB_TEST_DATA")
    if not place:
        pytest.skip("FCNLAB_TEST_DATA names no folder with CamVid/, VOCdevkit/, weights/ and reference/")
    return Path(place)


@pytest.fixture(autouse=True, scope="session")
def composed_once() -> Iterator[None]:
    """Hydra composes every config twice, once only to look for ``hydra.mode``; here where a search may set it.

    That saves 0.1 s a command. Commands in processes of their own do as Hydra does.
    """
    look = Hydra.get_mode

    def get_mode(self: Hydra, config_name: str | None, overrides: list[str]) -> RunMode | None:
        may = any("hydra.mode" in override or "search" in override for override in overrides)
        return look(self, config_name, overrides) if may else None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Hydra, "get_mode", get_mode)
        yield


@pytest.fixture(autouse=True)
def seeded() -> None:
    """The same random numbers whichever tests run."""
    torch.manual_seed(0)
