"""Errors of users: the nearest names first, and which extra brings a package."""

import re
import sys
import tomllib
from pathlib import Path

import pytest

from fcnlab.cli.conf import CONF
from fcnlab.error import UserError, import_extra, nearest, one_line, raised

SOURCES = (Path(__file__).parent.parent / "src").rglob("*.py")
EXTRAS = tomllib.loads((CONF.parent / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def test_nearest_names_come_first_and_all_are_listed() -> None:
    assert nearest("pool5", ["pool3", "pool4", "fc7"]).startswith("Did you mean pool4 or pool3?")
    assert nearest("zzz", ["pool4", "pool3"]) == "Known: pool3, pool4."
    assert nearest("x", []) == "Known: none."
    assert nearest("zzz", [f"run_{number:03}" for number in range(900)]).endswith("run_059, and 840 more.")


def test_a_user_error_is_a_value_error_for_those_who_use_the_parts() -> None:
    assert issubclass(UserError, ValueError)


def test_a_package_that_is_not_there_is_told_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(UserError, match=r"Reading x.mat needs the package h5py: .* pip install -e '.\[data\]'"):
        import_extra("h5py", "data", "Reading x.mat")
    assert import_extra("json", "data", "x").loads("1") == 1


def test_each_extra_that_a_message_names_installs_that_package() -> None:
    named = [found for path in SOURCES for found in re.findall(r'import_extra\("([\w.]+)", "(\w+)"', path.read_text())]
    assert len(named) > 3
    for package, extra in named:
        assert any(line.startswith(package.partition(".")[0]) for line in EXTRAS[extra]), (package, extra)


def test_what_another_library_says_is_one_short_line_without_its_full_stop() -> None:
    error = RuntimeError("no kernel\n  for it.\n")
    assert (one_line(error), raised(error)) == ("no kernel for it", "RuntimeError: no kernel for it")
    assert one_line("x" * 1000) == "x" * 300
