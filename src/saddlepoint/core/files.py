"""Files that are complete or absent: temporary name, fsync, rename."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import BinaryIO

from saddlepoint.core.errors import InputError
from saddlepoint.core.reading import kind, open_regular

_TEMPORARY = re.compile(r"\.(.+)\.([\w-]+)@(\d{1,9})\.tmp", re.DOTALL | re.ASCII)
_OLD = 3600
"""Seconds after which nobody is still writing a file."""


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which gets its name when the block ends; a reader never sees half of it.

    Raises:
        InputError: what has that name is not a regular file.
        OSError: the disk is full, gone or closed; a file of that name is as it was.
    """
    temporary = temporary_name(path)
    try:
        with open(temporary, "wb") as file:
            yield file
            # The content has to be on the disk before the name is: after a power cut a rename
            # without it would leave an empty file.
            file.flush()
            os.fsync(file.fileno())
        check_replaceable(path)
        os.replace(temporary, path)
    finally:
        with suppress(OSError):
            temporary.unlink()
    sync_folder(path.parent)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, which gets its name when the block ends.

    Args:
        path: absent, or an empty folder; its parent exists.

    Raises:
        OSError: the disk is full, gone or closed; nothing is left.
    """
    target = path.resolve()  # what a link leads to is replaced, not the link
    partial = temporary_name(target)
    partial.mkdir()
    try:
        yield partial
        os.replace(partial, target)
        sync_folder(target.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def temporary_name(path: Path) -> Path:
    """The name of a file or folder until it is whole."""
    # In the same folder: a rename is atomic only within a file system. Machine and process keep two
    # writers apart, and tell whether the writer is gone. Cut, as no name may exceed 255 bytes.
    return path.with_name(f".{_cut(path)}.{_machine()}@{os.getpid()}.tmp")


def _cut(path: Path) -> str:
    return path.name[:50]


@cache
def _machine() -> str:
    return re.sub(r"[^\w-]", "-", socket.gethostname(), flags=re.ASCII)[:24] or "-"


def check_replaceable(path: Path) -> None:
    """Raises InputError for a link, device, folder and the like, which nothing replaces."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{path} is {kind(status)}, which is never replaced; move it away.")


def is_temporary(path: Path) -> bool:
    """True for a name from `temporary_name`."""
    return _TEMPORARY.fullmatch(path.name) is not None


def remove_leftovers(folder: Path, of: Path | None = None, locked: bool = False) -> None:
    """Remove what killed processes left in a folder under temporary names.

    Args:
        of: only what would have become this file or folder.
        locked: this process alone may write here, so that nothing is left alone because a process
            of another machine, of which nobody knows here, may be writing it.
    """
    with suppress(OSError):
        for path in folder.iterdir():
            match = _TEMPORARY.fullmatch(path.name)
            if not match or (of is not None and match[1] != _cut(of)):
                continue
            if match[2] == _machine():
                gone = not _is_another(int(match[3]))
            else:
                gone = locked or time.time() - path.lstat().st_mtime > _OLD
            if gone:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _is_another(process: int) -> bool:
    """True while another process of this number runs."""
    try:
        os.kill(process, 0)
    except OSError as error:  # another user's may not be asked
        return not isinstance(error, ProcessLookupError)
    # This one has begun nothing yet; in containers it often has the number of the killed one.
    return process != os.getpid()


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file completely or not at all."""
    with whole_file(path) as file:
        file.write(content)


def sync_folder(folder: Path) -> None:
    """Make a rename inside `folder` survive a power cut."""
    # The new name is stored in the folder, which the kernel caches apart from the file. It is there
    # already, so where folders cannot be synced, as on some network disks, nothing has failed.
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sha256_of(path: Path) -> str:
    """sha256 of a file's content, hex."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/saddlepoint`, by default `~/.cache/saddlepoint`."""
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # As the standard has it, a relative path does not count.
    if not base.is_absolute():
        # Containers have the root as the home of a user who has none.
        base = Path("/", os.path.expanduser("~").removeprefix("~"), ".cache")
    return base / "saddlepoint"
