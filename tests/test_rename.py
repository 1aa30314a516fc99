"""``make rename NAME=mylab`` leaves a project that works under its new name, or refuses and changes nothing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PROJECT

SCRIPT = PROJECT / ".ci" / "rename.py"
AUTHOR = ("-c", "user.name=A", "-c", "user.email=a@example.org")


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *AUTHOR, *words], cwd=folder, capture_output=True, text=True, check=True).stdout


def rename(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    script = folder / ".ci" / "rename.py"
    return subprocess.run([sys.executable, str(script), *words], cwd=folder, capture_output=True, text=True)


def commit(folder: Path) -> None:
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "clone")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A small project of fcnlab's layout, committed."""
    folder = tmp_path / "clone"
    files = {
        "pyproject.toml": '[project]\nname = "fcnlab"\n',
        "requirements.lock": "torch==2.14.1 \\\n    --hash=sha256:0\nlightning-utilities==0.15.2\n",
        "LICENSE": "The fcnlab authors",
        "README.md": "python -m fcnlab.train\nFCNLAB_TEST_DATA=/data\n",
        "conf/model/fcn8s.yaml": "_target_: fcnlab.model.fcn.FCN\n",
        "src/fcnlab/train.py": "from fcnlab.model import fcn\n",
        "src/fcnlab/model/fcn.py": "",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "image.bin").write_bytes(b"\0fcnlab")
    (folder / ".ci").mkdir()
    shutil.copy(SCRIPT, folder / ".ci")
    commit(folder)
    return folder


def test_the_word_changes_in_every_tracked_text_and_the_folder_moves(clone: Path) -> None:
    done = rename(clone, "mylab")
    assert done.returncode == 0, done.stderr
    assert (clone / "src/mylab/train.py").read_text() == "from mylab.model import fcn\n"
    assert not (clone / "src/fcnlab").exists()
    assert (clone / "conf/model/fcn8s.yaml").read_text() == "_target_: mylab.model.fcn.FCN\n"
    assert (clone / "README.md").read_text() == "python -m mylab.train\nMYLAB_TEST_DATA=/data\n"
    assert (clone / "image.bin").read_bytes() == b"\0fcnlab"
    assert (clone / "LICENSE").read_text() == "The fcnlab authors"
    git(clone, "add", "-A")
    git(clone, "commit", "-qm", "renamed")
    assert rename(clone, "ourlab").returncode == 0  # and once more
    assert (clone / "src/ourlab/train.py").read_text() == "from ourlab.model import fcn\n"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "Which name? Type: make rename NAME=mylab"),
        ("my-lab", "NAME=my-lab is no package name"),
        ("MyLab", "is no package name"),
        ("2lab", "is no package name"),
        ("class", "is no package name"),
        ("fcnlab", "is the name already"),
        ("inspect", "is a module of Python itself"),
        ("torch", "is a package that this project uses"),
        ("lightning_utilities", "is a package that this project uses"),
        ("model", "is the name of a folder or module here"),
        ("tests", "is the name of a folder or module here"),
    ],
)
def test_a_name_that_would_not_work_is_refused(name: str, message: str, clone: Path) -> None:
    done = rename(clone, name)
    assert done.returncode == 1
    assert message in done.stderr
    assert not git(clone, "status", "--porcelain")


def test_a_tree_with_changes_is_refused(clone: Path) -> None:
    (clone / "README.md").write_text("mine")
    done = rename(clone, "mylab")
    assert done.returncode == 1
    assert "The working tree has changes" in done.stderr
    assert (clone / "src/fcnlab").is_dir()


@pytest.mark.slow
def test_a_renamed_copy_of_the_project_works(tmp_path: Path) -> None:
    names = git(PROJECT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in filter(None, names):
        if (PROJECT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, tmp_path / name)
    commit(tmp_path)
    done = rename(tmp_path, "mylab")
    assert done.returncode == 0, done.stderr
    left = ("git", "grep", "-il", "fcnlab", "--", ".", ":!LICENSE", ":!CITATION.cff")
    assert subprocess.run(left, cwd=tmp_path, capture_output=True, text=True).stdout == ""
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "src")}
    tests = (
        "tests/test_error.py",
        "tests/cli/test_compose.py",
        "tests/model/test_card.py",
        "tests/callbacks/test_image_results.py",
    )
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *tests],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout[-3000:]
