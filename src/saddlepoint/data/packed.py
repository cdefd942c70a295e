"""Compressed files, known by how they begin, and how far their bytes can be believed."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

from saddlepoint.core.reading import open_regular

MOST_GROWTH = 1032
"""Bytes that deflate makes of one byte, at most: what claims more is damaged."""
_UNPACKERS: dict[bytes, Any] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\0": lzma.open,
    b"\x5d\0\0": lzma.open,
}
"""How a compressed file begins -> what opens it."""


def unpacked(path: Path) -> tuple[BinaryIO, bool]:
    """The content as a stream, and whether it is compressed; raises as `open_regular`."""
    file = open_regular(path)
    start = file.read(6)
    file.seek(0)
    for magic, unpacker in _UNPACKERS.items():
        if start.startswith(magic):
            file.close()
            return unpacker(path), True
    return file, False


def unreadable_member(info: zipfile.ZipInfo) -> str:
    """Why a member of a zip is not read, or ""."""
    if info.flag_bits & 0x1:
        return "encrypted"
    # Python unpacks other kinds in steps that can be of any size.
    plain = info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    return "" if plain else "compressed in another way than deflate"
