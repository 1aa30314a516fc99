"""Precision is resolved for the device, and contradictions are refused."""

import pytest
import torch

from fcnlab.compose import compose, plain
from fcnlab.error import UserError
from fcnlab.trainer import build_trainer, prefers_channels_last, resolve_precision


@pytest.mark.parametrize(("fast", "expected"), [(True, "bf16-mixed"), (False, "32-true")])
def test_auto_is_bf16_where_the_processor_is_fast_at_it(
    fast: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: fast)
    assert resolve_precision("auto", "cpu") == expected


def test_slow_bf16_is_taken_as_typed_and_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    assert resolve_precision("bf16-mixed", "cpu") == "bf16-mixed"
    assert "32-true is likely to be faster" in capsys.readouterr().out


def test_float16_on_a_cpu_is_refused_instead_of_silently_changed() -> None:
    with pytest.raises(UserError, match="Use bf16-mixed or 32-true"):
        resolve_precision("16-mixed", "cpu")


def test_channels_last_follows_the_precision_unless_it_is_typed() -> None:
    def prefers(*words: str) -> bool:
        return prefers_channels_last(plain(compose("train", ["trainer.accelerator=cpu", *words])))

    assert prefers("trainer.precision=bf16-mixed")
    assert not prefers("trainer.precision=32-true")
    assert prefers("trainer.precision=32-true", "channels_last=true")


@pytest.mark.parametrize("choice", ["default", "smoke", "overfit"])
def test_every_trainer_of_a_cpu_is_built_from_its_yaml(choice: str) -> None:
    settings = plain(compose("train", [f"trainer={choice}"]))["trainer"]
    assert build_trainer(settings, logger=False, enable_checkpointing=False).max_epochs == settings["max_epochs"]
