"""Files that are complete or absent: temporary name, fsync, rename."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from saddlepoint.core.reading import open_regular


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which gets its name when the block ends; a reader never sees half of it."""
    # In the same folder: a rename is atomic only within a file system. The number of the process
    # keeps two writers apart.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            yield file
            # The content has to be on the disk before the name is: after a power cut a rename
            # without it would leave an empty file.
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file completely or not at all."""
    with whole_file(path) as file:
        file.write(content)


def sync_folder(folder: Path) -> None:
    """Make a rename inside `folder` survive a power cut."""
    # The new name is stored in the folder, which the kernel caches apart from the file.
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
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "saddlepoint"
