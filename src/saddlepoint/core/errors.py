"""What a verb can end with, and the exit code of each."""

from __future__ import annotations

import errno

_USERS = {
    errno.EACCES: "check its permissions",
    errno.EPERM: "check its permissions",
    errno.EROFS: "choose a place that is not read-only",
    errno.ENOENT: "check the path",
    errno.ENOTDIR: "choose a path that does not lead through a file",
    errno.EISDIR: "name a file instead of a folder",
    errno.EEXIST: "choose another name",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ELOOP: "fix its symbolic links",
    errno.ENODEV: "give a file on a disk",
}
_MACHINES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space of your quota",
    errno.EFBIG: "raise the limit on the size of files (`ulimit -f`)",
    errno.EMFILE: "raise the limit on open files (`ulimit -n`)",
    errno.ENFILE: "close other programs, which hold all files that the machine can open",
    errno.EIO: "check the disk",
    errno.ESTALE: "mount the network disk again",
}

_ALLOCATORS = ("allocate memory", "out of memory", "bad_alloc")
"""What torch says in a RuntimeError where Python has MemoryError."""

_READABLE = 160
"""Characters of a path; with more, it drowns the sentence that names it."""


class InputError(Exception):
    """Bad usage or bad input: one sentence that says what is wrong, where, and what to do.

    The command line prints it without a traceback and exits with code 2.
    """


class Answered(Exception):
    """A command has said all that it was asked for, such as its help; exit code 0."""


class RunFailed(Exception):
    """A run that started and cannot go on, such as no space left or a value that is not finite.

    The command line prints it without a traceback and exits with code 1.
    """


class OutOfMemory(RunFailed):
    """A step needs more memory than there is; the sentence is what the allocator said of it."""


class Interrupted(Exception):
    """Ctrl-C or SIGTERM, after saving; exit code 130."""


class Followed(Exception):
    """One of several processes ends as the run does, and another one has said how."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(str(cause))
        self.cause = cause


class Unhealthy(Exception):
    """`saddle doctor` found something wrong with a run, and has said so; exit code 3."""


def is_memory(error: BaseException) -> bool:
    """True where an allocation has failed, of this machine's memory or of its GPU's."""
    said = isinstance(error, RuntimeError) and any(word in str(error) for word in _ALLOCATORS)
    return said or isinstance(error, MemoryError)


def is_users(error: OSError) -> bool:
    """True for a path that cannot be used (exit code 2), False for a machine in trouble (1)."""
    return error.errno in _USERS


def words(error: OSError) -> str:
    """`Permission denied`; never empty."""
    return error.strerror or str(error) or type(error).__name__


def reason(error: OSError) -> str:
    """`run/lock: Permission denied`: where, if that is known, and what."""
    where = "" if error.filename is None else f"{_readable(error.filename)}: "
    return where + words(error)


def _readable(path: object) -> str:
    """A path that is too long to read keeps its two ends, by which it is known."""
    name = str(path)
    return (
        name if len(name) <= _READABLE else f"{name[: _READABLE // 2]}...{name[-_READABLE // 2 :]}"
    )


def failure(error: OSError, sentence: str) -> InputError | RunFailed:
    """The exception that says `sentence`, of the kind that fits the error."""
    return (InputError if is_users(error) else RunFailed)(sentence)


def remedy(error: OSError) -> str:
    """What to do about it: `free some space`."""
    return {**_USERS, **_MACHINES}.get(error.errno or 0, "check the disk and the path")
