"""Where a result comes from: the code with its uncommitted changes, the pinned versions, the machine."""

import functools
import hashlib
import os
import platform
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fcnlab.cli.terminal import say

PACKAGE = Path(__file__).resolve().parents[1]
PROJECT = PACKAGE.parents[1]  # the checkout, where the package was not installed from a wheel
PACKAGES = (
    *("torch", "torchvision", "lightning", "hydra-core", "omegaconf", "torchmetrics", "albumentations"),
    *("opencv-python-headless", "wandb", "numpy", "pillow"),
)
CODE = ("*.py", "*.yaml", "*.toml", "*.lock")  # what of a changed checkout a repetition needs
LONGEST_DIFF = 1_000_000  # characters


def circumstances(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a repetition of a run of ``config`` needs to know: code, versions, machine."""
    try:
        commit, diff, problem = git("rev-parse", "HEAD").strip(), uncommitted(), {}
    except NoCommitError as error:
        commit, diff, problem = "", "", {"commit_unknown": str(error)}
        tell_once(f"The record will not name the commit: {error}. source_hash tells the code all the same.")
    return {
        "commit": commit,
        **problem,
        "diff": diff if len(diff) < LONGEST_DIFF else f"{len(diff)} characters, too long to keep",
        "source_hash": source_hash(config),
        "lock_hash": lock_hash(),
        "python": platform.python_version(),
        "versions": {package: number for package in PACKAGES if (number := installed(package))},
        "machine": platform.platform(),
    }


def source_hash(config: Mapping[str, Any]) -> str:
    """A hash of the package's code, and of the user's own code that ``config`` names by ``_target_``.

    Configs are not in it: what they say is in the resolved config, and another config is another run.
    """
    folders = [PACKAGE, *own_code(config)]
    return hash_files([file for folder in folders for file in (sorted(folder.rglob("*.py")) or [folder])])


def lock_hash() -> str:
    """A hash of the pinned versions; of the installed ones where there is no lock file."""
    lock = PROJECT / "requirements.lock"
    if is_checkout() and lock.is_file():
        return hash_files([lock])
    found = {package: installed(package) for package in PACKAGES}
    return hashlib.sha256(repr(sorted(found.items())).encode()).hexdigest()[:16]


def own_code(config: Any) -> list[Path]:
    """The packages and modules that ``config`` names by ``_target_`` and nobody installed: a user's own."""
    found = set()
    for package in {target.partition(".")[0] for target in targets(config)} - {"fcnlab"}:
        spec = find_spec(package)
        for path in map(str, (spec.submodule_search_locations or [spec.origin or ""]) if spec else []):
            installed_here = {"site-packages", "dist-packages"} & set(Path(path).parts)
            if not installed_here and not path.startswith(sysconfig.get_path("stdlib")):
                found.add(Path(path))
    return sorted(found)


def targets(node: Any) -> Iterator[str]:
    """Every ``_target_`` in a nested config of plain Python."""
    if isinstance(node, Mapping):
        if "_target_" in node:
            yield str(node["_target_"])
        node = list(node.values())
    if isinstance(node, list):
        for inner in node:
            yield from targets(inner)


def uncommitted() -> str:
    """The difference between this checkout's code and its commit, new files included, as a patch."""
    with tempfile.TemporaryDirectory() as aside:  # an index of our own, so that the user's stays as it is
        index = {"GIT_INDEX_FILE": str(Path(aside) / "index")}
        git("read-tree", "HEAD", **index)
        git("add", "--intent-to-add", ".", **index)
        return git("diff", "HEAD", "--", *CODE, **index)


class NoCommitError(Exception):
    """Why git tells nothing of the code."""


def is_checkout() -> bool:
    """Whether the package lies in its own checkout; from a wheel, a repository around site-packages is another's."""
    return (PROJECT / "pyproject.toml").is_file() and PACKAGE.parent.name == "src"


def git(*arguments: str, **environment: str) -> str:
    """What git says about this checkout.

    A checkout of another user, as in a container, is trusted: its code runs already.

    Raises:
        NoCommitError: there is no git, no checkout, or it fails.
    """
    if not is_checkout():
        raise NoCommitError(f"{PACKAGE} is installed, and lies in no checkout")
    trust = ("-c", "safe.directory=*")
    try:
        call = ["git", "-C", str(PROJECT), *trust, *arguments]
        env = os.environ | environment
        return subprocess.run(call, capture_output=True, text=True, timeout=20, check=True, env=env).stdout
    except subprocess.CalledProcessError as error:
        told = (error.stderr or "").strip().splitlines() or [f"exit code {error.returncode}"]
        raise NoCommitError(f"git fails in {PROJECT}: {told[0]}") from error
    except (OSError, subprocess.SubprocessError) as error:
        raise NoCommitError(f"git cannot be asked ({type(error).__name__})") from error


@functools.cache
def tell_once(message: str) -> None:
    """Print a line once in this process."""
    say(message)


def installed(package: str) -> str | None:
    """A package's version; None where it goes by another name (opencv-python)."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def hash_files(paths: list[Path]) -> str:
    """One hash over the contents of files."""
    digest = hashlib.sha256()
    for path in paths:
        if path.is_file():
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def machine_name(kind: str, number: int = 1) -> str:
    """What computes: so many devices of a kind (cuda, cpu, ...), by their maker's name."""
    import torch

    if kind == "cuda":
        return f"{number} x {torch.cuda.get_device_name()}"
    threads = torch.get_num_threads()
    return f"{cpu_name() if kind == 'cpu' else kind}, {threads} thread{'s' * (threads > 1)}"


def cpu_name() -> str:
    """The processor's name where the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
