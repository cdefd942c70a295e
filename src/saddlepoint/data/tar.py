"""Python's `tarfile` for tars that are not trusted.

By itself it loops forever on a member of negative size (CVE-2025-8194) and on a sparse one
whose map never ends, and takes minutes for some headers (CVE-2024-6232).
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from saddlepoint.core.reading import open_regular

MOST_EXTENDED = 2**16
"""Bytes of a header that gives the next member a long name or a size; a path has thousands."""
_BLOCK = tarfile.BLOCKSIZE
_PAX = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
_EXTENDED = (*_PAX, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)


class _Member(tarfile.TarInfo):
    """A header whose sizes lead forwards, and not out of all bounds."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        member = super().frombuf(buf, encoding, errors)
        if member.size < 0 or (member.type in _EXTENDED and member.size > MOST_EXTENDED):
            raise tarfile.ReadError(f"a header of {member.size} bytes")
        return member

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> Self:
        file: Any = tarfile.fileobj
        start, head = file.tell(), file.read(_BLOCK)
        if head[156:157] in _PAX:
            _check_pax(file.read(cls.frombuf(head, "utf-8", "surrogateescape").size))
        file.seek(start)
        member = super().fromtarfile(tarfile)
        # Extended headers replace sizes, so the next header may lie anywhere.
        if member.size < 0 or tarfile.offset <= member.offset:
            raise ValueError(f"a member of {member.size} bytes")
        return member


def _check_pax(content: bytes) -> None:
    """Raises ValueError for records, such as `12 path=a.b` and a line feed, whose lengths are
    wrong, and for digits without end: tarfile looks for records in them in quadratic time."""
    position = 0
    while position < len(content):
        length = re.compile(rb"[0-9]{1,5} ").match(content, position)
        end = position + int(length[0]) if length else 0
        if length is None or not length.end() < end <= len(content):
            raise ValueError("a wrong length in an extended header")
        if b"=" not in content[position:end]:
            raise ValueError("a record without a value in an extended header")
        position = end
    if re.search(rb"[0-9]{256}", content):
        raise ValueError("too long a number in an extended header")


class _Ending(io.BufferedReader):
    """Reading on at the end is an error: tarfile waits there for the rest of a sparse map."""

    def read(self, size: int | None = -1, /) -> bytes:
        content = super().read(size)
        if size and not content:
            raise EOFError("its end is missing")
        return content


def is_header(block: bytes) -> bool:
    """True for a block that begins a member: it holds its own checksum."""
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.TarError, ValueError):
        return False
    return True


def members(path: Path) -> Iterator[tarfile.TarInfo]:
    """Every member of a plain tar; raises as `members_in`."""
    return members_in(open_regular(path).detach())


def members_in(content: io.RawIOBase | io.BytesIO) -> Iterator[tarfile.TarInfo]:
    """Every member of a plain tar, which is closed at its end.

    Raises:
        tarfile.TarError, EOFError, ValueError and others: a header is wrong, or the end is missing.
    """
    with _Ending(content) as file:  # type: ignore[arg-type]  # its stubs know no BytesIO
        archive = tarfile.open(fileobj=file, mode="r:", tarinfo=_Member)  # noqa: SIM115 - holds only `file`
        while member := archive.next():
            archive.members.clear()  # pyright: ignore - it would keep all of them
            yield member
        # tarfile takes a wrong header for the end.
        file.seek(archive.offset)
        if file.read(_BLOCK) != bytes(_BLOCK):
            raise tarfile.ReadError(f"a wrong header at byte {archive.offset:,}")
