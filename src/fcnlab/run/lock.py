"""One process at a time: a file that a process holds until it ends."""

import contextlib
import errno
import os
import platform
from pathlib import Path

import filelock

from fcnlab.cli.terminal import is_first_process
from fcnlab.error import UserError

WITHOUT_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)  # of some file systems, and of Python without fcntl


def hold(file: Path, what: str) -> contextlib.ExitStack:
    """Lock a file for this process, until what is returned is closed or the process ends, however it ends.

    Loading processes do not inherit the lock, and on NFS it holds across machines.

    Raises:
        UserError: another process, which is named, holds it.
        OSError: the file cannot be written.
    """
    if not is_first_process():
        return contextlib.ExitStack()  # the first process of a run holds for all
    file.parent.mkdir(parents=True, exist_ok=True)
    holder = file.with_name(f"{file.name}.holder")  # not in the file itself, which Windows lets nobody else read
    lock = filelock.FileLock(file, blocking=False, thread_local=False, fallback_to_soft=False)
    try:
        lock.acquire()
    except filelock.Timeout:
        told = "another process"
        with contextlib.suppress(OSError):
            told = holder.read_text().strip() or told
        raise UserError(f"{what} by {told}. Wait for it or stop it, then type this again.") from None
    except OSError as error:
        if error.errno not in WITHOUT_LOCKS:
            raise
        return contextlib.ExitStack()
    holder.write_text(f"process {os.getpid()} on {platform.node()}")
    held = contextlib.ExitStack()
    held.callback(lock.release)
    return held
