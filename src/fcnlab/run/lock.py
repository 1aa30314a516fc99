"""One process at a time: a file that a process holds until it ends."""

import errno
import fcntl
import os
import platform
from pathlib import Path
from typing import TextIO

from fcnlab.cli.terminal import is_first_process
from fcnlab.error import UserError


def hold(file: Path, what: str) -> TextIO:
    """Lock a file for this process until it is closed or the process ends, however it ends.

    A POSIX lock: loading processes do not inherit it, and on NFS it holds across machines.

    Raises:
        UserError: another process, which is named, holds it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    stream = file.open("a+")
    if not is_first_process():
        return stream  # the first process of a run holds for all
    try:
        fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EAGAIN):
            return stream  # a file system without locks
        stream.seek(0)
        with stream:
            raise UserError(
                f"{what} by {stream.read().strip()}. Wait for it or stop it, then type this again."
            ) from None
    stream.truncate(0)
    stream.write(f"process {os.getpid()} on {platform.node()}")
    stream.flush()
    return stream
