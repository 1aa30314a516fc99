"""Precision is resolved for the device, and contradictions are refused."""

import csv
from pathlib import Path

import pytest
import torch
from conftest import TINY, Command
from lightning.pytorch.callbacks import EarlyStopping, TQDMProgressBar

from fcnlab.cli.compose import compose, plain
from fcnlab.error import UserError
from fcnlab.trainer import build as trainer_build
from fcnlab.trainer.build import Progress, build_trainer, part_that_failed, progress_bars, refusals
from fcnlab.trainer.precision import prefers_channels_last, resolve_precision


@pytest.mark.parametrize(("fast", "expected"), [(True, "bf16-mixed"), (False, "32-true")])
def test_auto_is_bf16_where_the_processor_is_fast_at_it(
    fast: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: fast)
    assert resolve_precision("auto", "cpu") == expected


def test_slow_bf16_is_taken_as_given_and_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    assert resolve_precision("bf16-mixed", "cpu") == "bf16-mixed"
    assert "32-true is likely to be faster" in capsys.readouterr().out


def test_float16_on_a_cpu_is_refused_instead_of_silently_changed() -> None:
    with pytest.raises(UserError, match="Use bf16-mixed or 32-true"):
        resolve_precision("16-mixed", "cpu")


def test_too_many_processes_on_cpus_is_refused() -> None:
    """No training is started with them: a machine would not outlive it."""
    settings = plain(compose("train", ["trainer.accelerator=cpu", "trainer.devices=9999"]))["trainer"]
    with pytest.raises(UserError, match="trainer.devices=9999 starts so many processes on CPUs. Set .* or fewer"):
        build_trainer(settings, logger=False)
    assert build_trainer(settings | {"devices": 2}, logger=False).num_devices == 2


def test_channels_last_follows_the_precision_unless_it_is_given() -> None:
    def prefers(*words: str) -> bool:
        return prefers_channels_last(plain(compose("train", ["trainer.accelerator=cpu", *words])))

    assert prefers("trainer.precision=bf16-mixed")
    assert not prefers("trainer.precision=32-true")
    assert prefers("trainer.precision=32-true", "channels_last=true")


@pytest.mark.parametrize("choice", ["default", "smoke", "overfit"])
def test_every_trainer_of_a_cpu_is_built_from_its_yaml(choice: str) -> None:
    settings = plain(compose("train", [f"trainer={choice}"]))["trainer"]
    assert build_trainer(settings, logger=False, enable_checkpointing=False).max_epochs == settings["max_epochs"]


@pytest.mark.slow
def test_a_training_can_be_counted_in_iterations(command: Command, tmp_path: Path) -> None:
    steps = ("epochs=-1", "trainer.max_steps=5", "trainer.val_check_interval=2", "trainer.check_val_every_n_epoch=null")
    three = ("data.images.train=12", "data.batch_size=4", "checkpoint.every_n_steps=1")  # batches per epoch
    outcome = command(
        "train", *TINY, *steps, *three, "scheduler=poly", "scheduler.warmup=0", "optim.lr=1", "score=last"
    )
    assert outcome.code == 0, outcome.text
    (run,) = (tmp_path / "runs").glob("shapes-*")
    with (run / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["step"], bool(row["val/loss"]), bool(row["train/loss"])) for row in rows] == [
        *(("2", True, False), ("3", False, True), ("4", True, False), ("5", False, True)),
    ]
    # The schedule runs over the steps, not over the epochs.
    assert [float(row["lr"]) for row in rows] == pytest.approx([(1 - step / 5) ** 0.9 for step in (2, 3, 4, 5)])
    saved = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    assert saved["global_step"] == 5
    assert (run / "checkpoints" / "best.ckpt").is_file()


def test_a_progress_bar_of_ones_own_is_shown_instead_of_ours_where_there_is_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mine, other = TQDMProgressBar(), EarlyStopping("x")
    for terminal in (False, True):
        monkeypatch.setattr(trainer_build, "has_terminal", lambda there=terminal: there)
        assert progress_bars([mine, other], wanted=True) == ([other], [mine] if terminal else [])
        others, bar = progress_bars([other], wanted=True)
        assert (others, [type(one) for one in bar]) == ([other], [Progress] if terminal else [])
    with pytest.raises(UserError, match="has a TQDMProgressBar, but trainer.enable_progress_bar=false"):
        progress_bars([mine], wanted=False)
    with pytest.raises(UserError, match="several progress bars"):
        progress_bars([mine, TQDMProgressBar()], wanted=True)


@pytest.mark.parametrize("error", [RuntimeError("Timed out waiting 8000ms"), MemoryError(), OSError(28, "full")])
def test_no_part_is_blamed_for_what_the_machine_lacks(error: Exception) -> None:
    class Bad(torch.optim.SGD):
        def step(self, closure=None):  # type: ignore[no-untyped-def]
            raise error

    with pytest.raises(type(error)) as met, refusals():
        Bad([torch.nn.Parameter(torch.zeros(1))]).step()
    assert met.value is error


def test_the_innermost_part_that_failed_is_named_and_an_error_of_ours_stays_as_it_is() -> None:
    class Bad(torch.optim.SGD):
        def step(self, closure=None):  # type: ignore[no-untyped-def]
            return closure()

    bad = Bad([torch.nn.Parameter(torch.zeros(1))])

    def fails() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError) as met:
        bad.step(fails)
    assert part_that_failed(met.value) == f"Bad of {__name__} fails in step"
    with pytest.raises(UserError, match="fails in step: KeyError: 'x'. trace=true shows the stack"), refusals():
        bad.step(fails)
    with pytest.raises(KeyError), refusals():  # nobody's part
        fails()
    Bad.__module__ = "fcnlab.optim"
    with pytest.raises(KeyError), refusals():
        bad.step(fails)
    with pytest.raises(UserError, match="Lightning refuses: ReduceLROnPlateau|Lightning refuses"), refusals():
        EarlyStopping("val/los")._validate_condition_metric({})


def test_a_loading_process_that_hangs_is_told_to_hang() -> None:
    with pytest.raises(UserError, match="timed out after 1800 seconds: a loading process hangs"), refusals():
        raise RuntimeError("DataLoader timed out after 1800 seconds")  # as torch says it
