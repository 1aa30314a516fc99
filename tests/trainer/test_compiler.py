"""compile=true without a compiler is refused before anything is trained."""

import sysconfig
from pathlib import Path

import pytest
from conftest import TINY, Command


def test_a_compiler_that_is_not_there_is_told(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "/nowhere/g++ -O2")
    outcome = command("train", *TINY, "compile=true")
    assert outcome.code == 1
    assert (
        "compile=true needs a C++ compiler, and there is none (CXX=/nowhere/g++ is none). Install g++" in outcome.text
    )
    assert not Path("runs").exists()


def test_a_machine_without_any_is_told(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    assert "needs a C++ compiler, and there is none. Install g++" in command("train", *TINY, "compile=true").text


def test_headers_that_are_missing_are_told(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda _: "/nowhere")
    monkeypatch.setattr("shutil.which", lambda name: name)
    assert "/nowhere/Python.h is missing. Install them" in command("train", *TINY, "compile=true").text


def test_a_gpu_needs_a_compiler_of_c(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fcnlab.trainer.compiler.on_gpu", lambda _: True)
    monkeypatch.setenv("CC", "/nowhere")
    assert "needs a C compiler" in command("train", *TINY, "compile=true").text
