"""The map holds: every module has a promise, a test and a line in the README; every YAML composes."""

import ast
from pathlib import Path

import pytest
from conftest import PROJECT
from omegaconf import OmegaConf

from fcnlab.cli.compose import CONF, compose, plain

SOURCE = PROJECT / "src" / "fcnlab"
MODULES = sorted(path.relative_to(SOURCE) for path in SOURCE.rglob("*.py") if path.name != "__init__.py")
CONFIGS = sorted(path.relative_to(CONF) for path in CONF.rglob("*.yaml"))
COMMANDS = [path.stem for path in CONF.glob("*.yaml")]
WITHOUT_MODULE = {"experiment", "hydra", "logger"}  # logger lives in trainer.py
NEEDED = ["checkpoint=x", "images=x", "output=x", "data.root=x"]  # values without a default


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_every_module_has_its_promise_its_test_and_its_line_in_the_readme(module: Path) -> None:
    promise = ast.get_docstring(ast.parse((SOURCE / module).read_text())) or ""
    assert promise.splitlines()[0].rstrip().endswith((".", "``.")), f"{module} opens without a promise"
    assert (PROJECT / "tests" / module.parent / f"test_{module.name}").is_file(), f"{module} has no test"
    assert f"{module.name}" in (PROJECT / "README.md").read_text(), f"the README's map lacks {module}"


@pytest.mark.parametrize("group", sorted(path.name for path in CONF.iterdir() if path.is_dir()))
def test_every_config_group_has_its_module(group: str) -> None:
    assert group in WITHOUT_MODULE or (SOURCE / group).is_dir() or (SOURCE / f"{group}.py").is_file()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_config_of_its_name_and_composes(name: str) -> None:
    assert (SOURCE / f"{name}.py").is_file()
    config = compose(name)
    assert "trace" in config


@pytest.mark.parametrize("path", [path for path in CONFIGS if len(path.parts) > 1], ids=str)
def test_every_choice_composes_and_resolves(path: Path) -> None:
    group, choice = path.parent.as_posix(), path.stem
    if group.startswith("hydra"):
        pytest.skip("launchers and sweepers compose with --multirun")
    config = compose("train", [f"{group}={choice}"])
    for key in ("root",):
        if OmegaConf.is_missing(config.data, key):
            config.data[key] = "x"
    assert plain(config)


def test_configs_open_with_what_they_are() -> None:
    silent = [str(path) for path in CONFIGS if not (CONF / path).read_text().startswith("#")]
    assert not silent
