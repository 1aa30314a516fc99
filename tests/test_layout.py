"""The house holds: every module has a promise, a test and a room on the map; every YAML composes."""

import ast
import re
from pathlib import Path

import pytest
from conftest import PROJECT
from omegaconf import OmegaConf

from fcnlab.cli.compose import CONF, compose, plain

SOURCE = PROJECT / "src" / "fcnlab"
TESTS = PROJECT / "tests"
MODULES = sorted(path.relative_to(SOURCE) for path in SOURCE.rglob("*.py") if path.name != "__init__.py")
CONFIGS = sorted(path.relative_to(CONF) for path in CONF.rglob("*.yaml"))
COMMANDS = sorted(path.stem for path in CONF.glob("*.yaml"))
WINGS = sorted(path.name for path in SOURCE.iterdir() if (path / "__init__.py").is_file())
# The wing of a config group that has another name; None: a group that chooses nothing of its own.
WING_OF = {"metrics": "metric", "scheduler": "optim", "search": "sweep", "hydra": "sweep", "experiment": None}
# Modules whose claims are proved by the test of another one, mostly through a command.
TESTED_BY = {
    "callbacks/optimizer_modes.py": "stranger/test_callbacks.py",
    "callbacks/skipped_images.py": "callbacks/test_finite_loss.py",
    "cli/bench_settings.py": "cli/test_settings.py",
    "cli/explain.py": "cli/test_command.py",
    "data/tables.py": "test_survey.py",
    "logger/build.py": "stranger/test_loggers.py",
    "model/choices.py": "test_evaluate.py",
    "run/distributed.py": "trainer/test_distributed.py",
    "run/tables.py": "test_train.py",
    "sweep/tables.py": "sweep/test_jobs.py",
    "trainer/callbacks.py": "stranger/test_callbacks.py",
    "trainer/precision.py": "trainer/test_build.py",
}


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_every_module_has_its_promise_and_its_test(module: Path) -> None:
    promise = ast.get_docstring(ast.parse((SOURCE / module).read_text())) or ""
    assert promise.splitlines()[0].rstrip().endswith((".", "``.")), f"{module} opens without a promise"
    own, other = TESTS / module.parent / f"test_{module.name}", TESTED_BY.get(module.as_posix())
    assert own.is_file() or (other and (TESTS / other).is_file()), (
        f"{module} has no test: write {own.relative_to(PROJECT)}"
    )
    assert not (own.is_file() and other), f"{module} has a test of its own: take it out of TESTED_BY"


def test_no_exception_outlives_its_module() -> None:
    assert [name for name in TESTED_BY if not (SOURCE / name).is_file()] == []


def test_the_root_of_the_package_holds_commands_only() -> None:
    at_root = {path.stem for path in SOURCE.glob("*.py")}
    assert at_root == {*COMMANDS, "error", "visualize", "__init__"}


def test_the_map_names_every_wing_and_command() -> None:
    text = (SOURCE / "README.md").read_text()
    assert set(re.findall(r"^\| \[`(\w+)/`\]", text, re.MULTILINE)) == {*WINGS}
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == {*COMMANDS}


def test_the_layers_on_the_map_are_those_that_lint_holds() -> None:
    (shown,) = re.findall(r"## Layers.*?```text\n(.*?)```", (SOURCE / "README.md").read_text(), re.DOTALL)
    (held,) = re.findall(r"^layers = \[\n(.*?)^\]", (PROJECT / "pyproject.toml").read_text(), re.DOTALL | re.MULTILINE)
    assert re.findall(r"\w+", shown) == re.findall(r"\w+", held)


@pytest.mark.parametrize("group", sorted(path.name for path in CONF.iterdir() if path.is_dir()))
def test_every_config_group_has_its_wing(group: str) -> None:
    wing = WING_OF.get(group, group)
    assert wing is None or wing in WINGS


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
    for key in OmegaConf.missing_keys(config):  # which a person says
        OmegaConf.update(config, key, "x")
    assert plain(config)


def test_configs_open_with_what_they_are() -> None:
    silent = [str(path) for path in CONFIGS if not (CONF / path).read_text().startswith("#")]
    assert not silent
