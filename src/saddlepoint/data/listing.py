"""What a folder or archive holds: files that may be read, and names that must not be."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from saddlepoint.core.errors import InputError

MAX_FILE_BYTES = 256 * 2**20
"""A larger file, or archive member when unpacked, is not read."""
MAX_MEMBERS = 2_000_000
"""Of an archive, good or not."""
_IGNORED = re.compile(r"(^|/)(\.|(thumbs\.db|desktop\.ini|__macosx)(/|$))", re.IGNORECASE)


class Refused(Exception):
    """Why a file is not a usable image."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file that may be read."""

    name: str
    """Path inside the source, with slashes."""
    size: int
    """Bytes, unpacked."""
    stamp: int
    """Changes when the content does: mtime in ns, or the CRC in a zip."""
    offset: int = -1
    """Where the bytes start, in a tar."""


@dataclass(kw_only=True)
class Listing:
    """The files of a source, and those that must not be read."""

    kind: str
    """folder | zip | tar."""
    root: Path
    """The folder or archive that `Reader` opens."""
    newest: float = 0.0
    """Latest mtime (s) of the source's files, or of the archive."""
    files: dict[str, Entry] = field(default_factory=dict)
    rejected: dict[str, str] = field(default_factory=dict)
    """Name -> reason."""
    n_members: int = 0
    """Of an archive, good or not."""

    @property
    def entries(self) -> list[Entry]:
        """The files, sorted by name."""
        return sorted(self.files.values(), key=lambda entry: entry.name)

    def key(self, *, stamps: bool) -> str:
        """sha256 over names and sizes, and over the stamps if wanted (copies differ in them)."""
        rows = [f"{e.name!a} {e.size} {e.stamp if stamps else 0}\n" for e in self.entries]
        text = "".join(rows) + repr(sorted(self.rejected.items()))
        return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()

    def add_member(self, entry: Entry, *, is_folder: bool, problem: str = "") -> None:
        """Take an archive's member into the files or the rejected ones.

        Raises:
            InputError: the archive has too many.
        """
        self.n_members += 1
        if self.n_members > MAX_MEMBERS:
            raise InputError(
                f"{self.root} has more than {MAX_MEMBERS:,} members; unpack it and give the folder."
            )
        name = entry.name
        reason = _unsafe(name)
        if not reason and (is_folder or is_ignored(name)):
            return
        reason = reason or problem or too_large(entry.size)
        # A zip is read by name, which finds the last member: an earlier good one does not count.
        before = self.files.pop(name, None)
        if not reason:
            self.files[name] = entry
            reason = "the name occurs twice in the archive; the last one was read" if before else ""
        if reason:
            self.rejected[name] = reason


def is_ignored(name: str) -> bool:
    """True for hidden files and folders, and for what operating systems leave behind."""
    return _IGNORED.search(name) is not None


def _unsafe(name: str) -> str:
    parts = name.replace("\\", "/").split("/")
    outside = parts[0] == "" or parts[0].endswith(":") or ".." in parts
    return "points outside the archive" if outside else ""


def too_large(n_bytes: int) -> str:
    if n_bytes <= MAX_FILE_BYTES:
        return ""
    return f"too large: {n_bytes:,} bytes, the limit is {MAX_FILE_BYTES:,}"


def few(names: Iterable[str], n: int = 3) -> str:
    """The first n names for a sentence, each cut to 60 characters."""
    first = list(islice(names, n + 1))
    shown = [name if len(name) <= 60 else f"{name[:57]}..." for name in first[:n]]
    return ", ".join(shown) + (", ..." if len(first) > n else "")
