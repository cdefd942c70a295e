"""Paths as a user gives them: `~` is expanded, and what no path can be is refused in a sentence."""

from __future__ import annotations

import os
from pathlib import Path

from saddlepoint.core.errors import InputError
from saddlepoint.core.reading import unreadable


def given_path(path: str | os.PathLike[str]) -> Path:
    """A path from a command line or a notebook, whether or not anything is there.

    Raises:
        InputError: it is empty, too long, holds NUL, is a loop of links, lies where this user may
            not look, names a user who is not here, or is relative to a folder that was deleted.
    """
    text = os.fspath(path)
    if not text:
        raise InputError("An empty path was given; name a file or a folder.")
    try:
        found = Path(text).expanduser()
    except RuntimeError:
        raise InputError(f"{text}: there is no such user; write the whole path.") from None
    try:
        if not found.is_absolute():
            os.getcwd()
    except OSError as error:
        raise InputError(f"{text}: the working folder is gone; `cd` to another one.") from error
    try:
        os.stat(found)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:
        raise unreadable(text, error) from error
    return found
