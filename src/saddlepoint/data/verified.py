"""A prepared set is hashed when it is first opened, and again only once its files have changed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from saddlepoint.core.errors import InputError
from saddlepoint.core.files import cache_folder
from saddlepoint.core.json_files import read_json, write_json

FILES = ("images.npy", "labels.npy", "manifest.json")


def verify(folder: Path, wanted: str, measure: Callable[[], str]) -> None:
    """Check the fingerprint of a prepared folder.

    Args:
        wanted: what its manifest says.
        measure: computes the fingerprint of what is there; called only if need be.

    Raises:
        InputError: they differ.
    """
    place = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:20]
    # In the cache and not in the folder, which may be read-only or on its way to another machine.
    note = cache_folder() / "verified" / f"{place}.json"
    state = [[n, s.st_size, s.st_mtime_ns, s.st_ctime_ns] for n, s in _statuses(folder)]
    with suppress(InputError, OSError):
        if read_json(note) == state:
            return
    measured = measure()
    if measured != wanted:
        raise InputError(
            f"{folder} does not hold the images and labels that were prepared: their fingerprint "
            f"is {measured[:12]}, and manifest.json says {wanted[:12]!r}; prepare the set again."
        )
    with suppress(OSError):  # without the note it is hashed again next time
        note.parent.mkdir(parents=True, exist_ok=True)
        write_json(note, state)


def _statuses(folder: Path) -> list[tuple[str, os.stat_result]]:
    return [(name, (folder / name).stat()) for name in FILES if (folder / name).exists()]
