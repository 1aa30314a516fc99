"""A folder out of a zip file from elsewhere: downloaded, looked through, checked, and then whole or not at all."""

import shutil
import stat
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import rich.progress

from fcnlab.error import UserError


def fetch_folder(archive: str, *, folder: str, target: Path, check: Callable[[Path], object]) -> None:
    """Download a zip file with a progress bar and put one folder of it at ``target``, whole or not at all.

    Args:
        check: called with the unpacked folder before it gets its name; raises if it is not what it should be.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        file = Path(scratch) / "archive.zip"
        try:
            with urllib.request.urlopen(archive, timeout=60) as response, file.open("wb") as out:
                total = int(response.headers.get("Content-Length") or 0)
                with rich.progress.wrap_file(response, total=total, description=f"fetching {folder}") as body:
                    shutil.copyfileobj(body, out, length=2**20)
            with zipfile.ZipFile(file) as zipped:
                refuse_escapes(archive, zipped)
                for member in zipped.namelist():
                    if folder in Path(member).parts:
                        zipped.extract(member, scratch)
        except (OSError, zipfile.BadZipFile) as error:
            raise UserError(f"Cannot fetch {archive}: {error}. Get it by hand and put it at {target}.") from error
        found = [path for path in Path(scratch).rglob(folder) if path.is_dir()]
        if not found:
            raise UserError(f"{archive} holds no folder {folder}. Get it by hand and put it at {target}.")
        check(found[0])
        found[0].rename(target)


def refuse_escapes(archive: str, zipped: zipfile.ZipFile) -> None:
    """Refuse an archive that tries to write outside its folder: ``extract`` would not let it; who trusts the rest?"""
    for member in zipped.infolist():
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or stat.S_ISLNK(member.external_attr >> 16):
            raise UserError(
                f"{archive} holds {member.filename!r}, a link or a path out of its folder. Nothing of it was unpacked. "
                "Get it from elsewhere."
            )
