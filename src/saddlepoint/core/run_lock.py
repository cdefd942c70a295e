"""One writer a run folder, and what a writer that was killed early leaves. No torch in here."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from saddlepoint.core.errors import InputError
from saddlepoint.core.files import check_replaceable, is_temporary

LOCK = "lock"
START = "start"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder for writing. The kernel frees the lock however the process ends.

    Raises:
        InputError: another process holds it; the sentence names host and pid.
    """
    # A lock of the kernel, not the mere presence of a file, which would outlive a kill.
    check_replaceable(folder / LOCK)
    with open(folder / LOCK, "a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            owner = file.read().strip() or "another process"
            raise InputError(
                f"{folder} is being written by {owner}; stop that process first."
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def is_unused(folder: Path) -> bool:
    """Empty, or left by a run that was killed before it wrote its configuration."""
    names = {path.name for path in folder.iterdir() if not is_temporary(path)}
    # What a warm start begins with is written first.
    return names <= {LOCK} or names == {LOCK, START}


def remove_abandoned(folder: Path) -> None:
    """Remove a folder that a killed run left before it wrote its configuration; leave any other."""
    if not (folder / LOCK).is_file():
        return
    with suppress(OSError), open(folder / LOCK, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # A writer puts its name there once it has the lock, and takes it away when it ends: without
        # a name, this one may be about to begin.
        killed = file.read(1) != b""
        # Another process may have removed the folder meanwhile, and have begun a run in its place.
        same = os.path.samestat(os.fstat(file.fileno()), os.stat(folder / LOCK))
        if killed and same and is_unused(folder):
            shutil.rmtree(folder)
