"""A record tells the code that a repetition needs: new files too, and a user's own modules."""

import os
import shutil
import subprocess
import sys
import types
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from fcnlab.run import provenance
from fcnlab.run.provenance import circumstances, hash_files, own_code, source_hash, uncommitted


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small repository that stands in for the project's."""
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "src").mkdir()
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "src" / "old.py").write_text("one = 1\n")
    (tmp_path / ".gitignore").write_text("ignored.py\n")
    who = ("-c", "user.name=a", "-c", "user.email=a@b.example")
    for words in (("init", "--quiet"), ("add", "."), (*who, "commit", "--quiet", "-m", "first")):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    monkeypatch.setattr(provenance, "PROJECT", tmp_path)
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path / "src" / "fcnlab")
    (tmp_path / "src" / "fcnlab").mkdir()
    provenance.tell_once.cache_clear()
    return tmp_path


def test_the_difference_to_the_commit_has_changed_and_new_code_and_applies(checkout: Path) -> None:
    assert uncommitted() == ""
    (checkout / "src" / "old.py").write_text("one = 2\n")
    (checkout / "src" / "new.py").write_text("three = 3\n")
    (checkout / "ignored.py").write_text("")
    before = subprocess.check_output(["git", "-C", str(checkout), "status", "--short"], text=True)
    patch = uncommitted()
    assert "+one = 2" in patch
    assert "+three = 3" in patch
    assert "ignored.py" not in patch
    assert subprocess.check_output(["git", "-C", str(checkout), "status", "--short"], text=True) == before
    (checkout / "src" / "old.py").write_text("one = 1\n")
    (checkout / "src" / "new.py").unlink()
    subprocess.run(["git", "-C", str(checkout), "apply"], input=patch, text=True, check=True)
    assert (checkout / "src" / "new.py").read_text() == "three = 3\n"


def test_the_source_hash_covers_the_package_and_what_a_config_names(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path_factory.mktemp("own") / "mynets"
    own.mkdir()
    (own / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(own.parent)
    config = {"model": {"_target_": "mynets.Net", "backbone": [{"_target_": "torch.nn.Identity"}]}}
    assert own_code(config) == [own]
    plain, mine = source_hash({}), source_hash(config)
    (own / "net.py").write_text("width = 1\n")
    assert source_hash({}) == plain
    assert source_hash(config) != mine
    (checkout / "src" / "fcnlab" / "new.py").write_text("one = 2\n")
    assert source_hash({}) != plain


def test_what_is_installed_is_not_a_users_own_code() -> None:
    names = (
        "torch.optim.SGD",
        "albumentations.D4",
        "json.dumps",
        "nowhere.Thing",
        "fcnlab.loss.cross_entropy.CrossEntropy",
    )
    assert own_code([{"_target_": name} for name in names]) == []


def test_a_package_that_says_where_it_lies_by_path_objects_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = types.ModuleType("lazy")  # as that of transformers, once it is imported
    package.__spec__ = ModuleSpec("lazy", None, is_package=True)
    package.__spec__.submodule_search_locations = [tmp_path]
    monkeypatch.setitem(sys.modules, "lazy", package)
    assert own_code({"_target_": "lazy.Net"}) == [tmp_path]


def test_a_hash_of_files_is_of_their_contents(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    first = hash_files([tmp_path / "a"])
    (tmp_path / "a").write_text("y")
    assert hash_files([tmp_path / "a"]) != first


def test_a_checkout_of_another_user_is_asked_all_the_same(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.getuid() != 0:
        pytest.skip("only root gives files away")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)  # which may trust every folder
    for path in (checkout, *checkout.rglob("*")):
        os.chown(path, 12345, 12345)
    plain = subprocess.run(["git", "-C", str(checkout), "rev-parse", "HEAD"], capture_output=True, text=True)
    assert "dubious ownership" in plain.stderr
    found = circumstances({})
    assert len(found["commit"]) == 40
    assert "commit_unknown" not in found


@pytest.mark.parametrize("fault", ["no git", "no repository", "no commit"])
def test_what_hides_the_commit_is_told_once_and_recorded(
    fault: str, checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if fault == "no git":
        monkeypatch.setenv("PATH", "/nowhere")
    else:
        shutil.rmtree(checkout / ".git")
    if fault == "no commit":
        subprocess.run(["git", "-C", str(checkout), "init", "--quiet"], check=True)
    for _ in range(2):
        found = circumstances({})
    reason = "git cannot be asked" if fault == "no git" else "git fails in"
    assert found["commit"] == found["diff"] == ""
    assert reason in found["commit_unknown"]
    assert capsys.readouterr().out.count("The record will not name the commit: git") == 1


def test_an_installed_package_asks_no_repository_around_it(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    packages = checkout / ".venv" / "lib" / "python3.12" / "site-packages"
    (packages / "fcnlab").mkdir(parents=True)
    (packages / "fcnlab" / "net.py").write_text("width = 1\n")
    monkeypatch.setattr(provenance, "PACKAGE", packages / "fcnlab")
    monkeypatch.setattr(provenance, "PROJECT", packages.parent)
    found = circumstances({})
    assert found["commit"] == found["diff"] == ""
    assert "is installed, and lies in no checkout" in found["commit_unknown"]
    (packages / "fcnlab" / "net.py").write_text("width = 2\n")
    assert circumstances({})["source_hash"] != found["source_hash"]
    monkeypatch.setattr(provenance, "installed", lambda package: f"of another {package}")
    assert circumstances({})["lock_hash"] != found["lock_hash"]
