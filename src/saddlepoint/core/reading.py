"""Opens files without trusting them: regular files only, of a bounded size, never a wait."""

from __future__ import annotations

import os
import stat
from io import BufferedReader

from saddlepoint.core.errors import InputError, is_users, reason, remedy

MOST_BYTES = 2**26
"""Of a file that is read whole into memory, unless its reader says otherwise: 64 MiB."""

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFLNK: "a link",
}


class Absent(InputError):
    """There is no such file; for readers that can do without it."""


def open_regular(path: str | os.PathLike[str], most: int | None = None) -> BufferedReader:
    """Open a regular file to read its bytes.

    Args:
        most: the size in bytes above which it is refused.

    Raises:
        Absent: there is no such file.
        InputError: it is not a regular file, too large, or may not be read.
        OSError: the machine is in trouble, such as an error of the disk.
    """
    try:
        # Opening a pipe would wait for its writer, perhaps forever.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    try:
        check_regular(path, os.fstat(handle), most)
    except BaseException:
        os.close(handle)
        raise
    return open(handle, "rb")


def read_bytes(path: str | os.PathLike[str], most: int = MOST_BYTES) -> bytes:
    """The whole content of a regular file of at most `most` bytes; raises as `open_regular`."""
    with open_regular(path, most) as file:
        # In pieces: one read takes the memory for what it is asked for, however small the file.
        pieces = [file.read(2**20)]
        # It can grow after its size was asked for.
        while pieces[-1] and len(pieces) * 2**20 <= most:
            pieces.append(file.read(2**20))
        content = b"".join(pieces)
    if len(content) > most:
        raise _too_large(path, len(content), most)
    return content


def require_regular(path: str | os.PathLike[str], most: int | None = None) -> os.stat_result:
    """Check a file that a library opens by its path; raises as `open_regular`."""
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    check_regular(path, status, most)
    return status


def check_regular(
    path: str | os.PathLike[str], status: os.stat_result, most: int | None = None
) -> None:
    """Raises InputError unless `status` is that of a regular file of at most `most` bytes."""
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{os.fspath(path)} is {kind(status)}, where a file is needed.")
    if most is not None and status.st_size > most:
        raise _too_large(path, status.st_size, most)


def kind(status: os.stat_result) -> str:
    """`a folder`, `a pipe`, `a device`, ..., or `a file`."""
    return _KINDS.get(stat.S_IFMT(status.st_mode), "a file")


def unreadable(path: str | os.PathLike[str], error: OSError | ValueError) -> Exception:
    """The exception for a path that could not be opened: the error itself where the machine is in
    trouble, else an InputError."""
    if not isinstance(error, OSError):  # Python refuses a NUL before the system sees the path
        return InputError(f"{os.fspath(path)!r} is not a path: it holds a NUL character.")
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return Absent(f"{os.fspath(path)}: no such file; check the path.")
    if not is_users(error):
        return error
    error.filename = error.filename or os.fspath(path)
    return InputError(f"{reason(error)}; {remedy(error)}.")


def _too_large(path: str | os.PathLike[str], size: int, most: int) -> InputError:
    return InputError(f"{os.fspath(path)} has {size:,} bytes, but at most {most:,} are read.")
