"""One meaning for whatever a decoder raises: the bytes are damaged."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from saddlepoint.core.errors import InputError


@contextmanager
def decoding(what: object, remedy: str) -> Iterator[None]:
    """The block decodes bytes that are not trusted.

    Args:
        what: a path or name, to begin the sentence with.
        remedy: what to do about it: `fetch it again`.

    Raises:
        InputError: whatever a decoder raised. What the machine lacks, such as memory or a disk
            that works, stays as it is.
    """
    try:
        yield
    except Exception as error:  # a decoder can raise anything on hostile bytes
        # Decoders raise OSError too, but only the system gives it a number; EINVAL is for what
        # was asked of it, such as a place before the file's first byte.
        of_system = getattr(error, "errno", None) not in (None, errno.EINVAL)
        of_machine = isinstance(error, MemoryError) or of_system
        if of_machine or isinstance(error, InputError):
            raise
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise InputError(f"{what} is damaged ({reason}); {remedy}.") from error
