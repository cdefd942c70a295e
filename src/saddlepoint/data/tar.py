"""Lists a tar in one pass over its headers, believing none of them.

Python's own `tarfile` goes round for ever on a member of negative size (CVE-2025-8194), takes
minutes for some headers (CVE-2024-6232), and keeps every member in memory.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from saddlepoint.core.reading import open_regular

BLOCK = 512
MOST_EXTENDED = 2**20
"""Bytes of a header that gives the next member a long name or a size; a path has thousands."""
_EMPTY = (b"1", b"2", b"3", b"4", b"5", b"6")
"""Kinds without content, whatever their size says: links, devices, folders, pipes."""
_UNPACKERS: dict[bytes, Any] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\0": lzma.open,
    b"\x5d\0\0": lzma.open,
}
"""How a compressed file begins -> what opens it."""


class Member(NamedTuple):
    """What one header says."""

    name: str
    kind: str
    """file | folder | link | other."""
    size: int
    """Bytes; they lie inside the tar."""
    seconds: int
    """Time of its last change."""
    offset: int
    """Where its content starts."""


def unpacked(path: Path) -> tuple[BinaryIO, bool]:
    """The tar as a stream, and whether it is compressed; raises as `open_regular`."""
    file = open_regular(path)
    start = file.read(6)
    file.seek(0)
    for magic, unpacker in _UNPACKERS.items():
        if start.startswith(magic):
            file.close()
            return unpacker(path), True
    return file, False


def is_header(block: bytes) -> bool:
    """True for a block that begins a member: it holds its own checksum."""
    try:
        wanted = _number(block[148:156])
    except ValueError:
        return False
    return len(block) == BLOCK and wanted == sum(block[:148]) + 8 * 32 + sum(block[156:])


def members(file: BinaryIO) -> Iterator[Member]:
    """Every member of a plain tar; metadata such as long names are joined to their member.

    Raises:
        ValueError, IndexError: a header is wrong, or the end is missing.
    """
    n_bytes, position = file.seek(0, os.SEEK_END), 0
    extended: dict[str, bytes] = {}
    while True:
        file.seek(position)
        header = file.read(BLOCK)
        if header == bytes(BLOCK):
            return
        if not is_header(header):
            raise ValueError(f"a wrong header at byte {position:,}, or its end is missing")
        kind = header[156:157]
        position += BLOCK
        goes_on = kind == b"S" and header[482]  # the map of a sparse file, in further blocks
        while goes_on:
            goes_on = file.read(BLOCK)[504]
            position += BLOCK
        size = int(extended.get("size") or _number(header[124:136]))
        length = 0 if kind in _EMPTY else size
        if size < 0 or position + length > n_bytes:
            raise ValueError(f"a member of {size} bytes, where {n_bytes - position} are left")
        if kind in (b"x", b"X", b"L", b"K", b"g"):
            if size > MOST_EXTENDED:
                raise ValueError(f"a header of {size} bytes")
            content = file.read(size)
            if kind == b"L":
                extended["path"] = content
            elif kind in (b"x", b"X"):
                extended |= dict(_pax_records(content))
        else:
            yield _member(header, extended, size, position)
            extended = {}
        position += -(-length // BLOCK) * BLOCK


def _member(header: bytes, extended: dict[str, bytes], size: int, offset: int) -> Member:
    name = extended.get("path") or header[:100]
    if header[257:263] == b"ustar\0" and header[345] and "path" not in extended:
        name = _text(header[345:500]) + b"/" + _text(name)
    path = os.fsdecode(_text(name))
    sparse = header[156:157] == b"S" or any(key.startswith("GNU.sparse") for key in extended)
    kinds = {b"0": "file", b"\0": "file", b"7": "file", b"5": "folder", b"1": "link", b"2": "link"}
    kind = "other" if sparse else kinds.get(header[156:157], "other")
    if kind == "file" and path.endswith("/"):  # before 1988 a folder had no kind of its own
        kind = "folder"
    return Member(path, kind, size, _number(header[136:148]), offset)


def _pax_records(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Records such as `30 path=a/b.png` and a line feed; the number is the length of all of it."""
    position = 0
    while position < len(content):
        space = content.find(b" ", position)
        digits = content[position:space]
        end = position + int(digits) if digits.isdigit() else 0
        if not space < end <= len(content):
            raise ValueError("a wrong length in an extended header")
        key, _, value = content[space + 1 : end - 1].partition(b"=")
        yield key.decode(errors="replace"), value
        position = end


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _number(field: bytes) -> int:
    """Octal digits; or, where the first bit is set, a binary number."""
    if field[:1] >= b"\x80":
        return int.from_bytes(field, "big") - (0x80 << 8 * (len(field) - 1))
    return int(_text(field).strip() or b"0", 8)
