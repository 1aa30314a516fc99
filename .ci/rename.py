"""Turn a clone into a project of one's own: ``make rename NAME=mylab``.

The word ``fcnlab`` becomes the new name in every file that git tracks, and the package's folder moves. Refused: names
that Python or a dependency has already, and a working tree with changes, so that ``git diff`` shows the rename alone.
"""

import keyword
import re
import subprocess
import sys
import tomllib
from pathlib import Path

KEEP = ("LICENSE", "CITATION.cff")  # they name the authors of the template
IMPORTED_AS = {"hydra", "cv2", "pil", "yaml", "git"}  # packages that are imported under another name than they install
FOLDERS = {"src", "conf", "tests", "notebooks", "runs", "data"}


def git(root: Path, *words: str) -> str:
    """What a git command prints."""
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"git {words[0]} failed: {done.stderr.strip()} Rename inside a git clone, so that it can be undone.")
    return done.stdout


def refuse_bad_name(root: Path, old: str, new: str) -> None:
    """Exit with a message where ``new`` cannot be the name of the package."""
    if not new:
        sys.exit("Which name? Type: make rename NAME=mylab")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", new) or keyword.iskeyword(new):
        sys.exit(f"NAME={new} is no package name. Use small letters, digits and _, and begin with a letter: mylab.")
    if new == old:
        sys.exit(f"NAME={new} is the name already.")
    if new in sys.stdlib_module_names:
        sys.exit(f"NAME={new} is a module of Python itself, which the package would hide. Choose another name.")
    lock = root / "requirements.lock"
    packages = re.findall(r"^([\w.-]+)==", lock.read_text(encoding="utf-8"), re.M) if lock.is_file() else []
    if new in IMPORTED_AS | {re.sub(r"[-.]", "_", name).lower() for name in packages}:
        sys.exit(f"NAME={new} is a package that this project uses. Choose another name.")
    inside = {path.stem for path in (root / "src" / old).iterdir()}
    if new in FOLDERS | inside:
        sys.exit(
            f"NAME={new} is the name of a folder or module here, so imports would be unclear. Choose another name."
        )


def rename(root: Path, new: str) -> int:
    """Rename the project in ``root``; returns in how many files a name changed."""
    old = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"]
    refuse_bad_name(root, old, new)
    if changed := git(root, "status", "--porcelain"):
        sys.exit(f"The working tree has changes:\n{changed}Commit them (or git stash), then type the same again.")
    words = {old: new, old.upper(): new.upper(), old.capitalize(): new.capitalize()}
    count = 0
    for name in git(root, "ls-files", "-z").split("\0"):
        path = root / name
        if not name or name in KEEP or path.is_symlink() or not path.is_file():
            continue
        content = path.read_bytes()
        renamed = content
        if b"\0" not in content:  # images and arrays stay as they are
            for word, other in words.items():
                renamed = renamed.replace(word.encode(), other.encode())
        if renamed != content:
            path.write_bytes(renamed)
            count += 1
    (root / "src" / old).rename(root / "src" / new)
    return count


if __name__ == "__main__":
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    here = Path(__file__).resolve().parents[1]
    print(f"{rename(here, name)} files changed; the package is src/{name}.")
    print("Next: make clean && make format && make test, then git add -A && git commit.")
    print("Checkpoints that were trained under the old name are not read any more: train again.")
    print("LICENSE and CITATION.cff still name the template's authors: keep LICENSE, edit CITATION.cff.")
