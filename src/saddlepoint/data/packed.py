"""Compressed files, known by how they begin, and how far their bytes can be believed."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
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
MOST_PADDING = 2**20
"""Bytes of zeros after a gzip stream; tapes fill their last block with some."""


class _Padded(io.BufferedReader):
    """gzip skips zeros at the end byte by byte, and a file can end in any number of them."""

    _zeros = 0

    def read(self, size: int | None = -1, /) -> bytes:
        content = super().read(size)
        self._zeros = self._zeros + 1 if content == b"\0" else 0
        if self._zeros > MOST_PADDING:
            raise ValueError("its end is nothing but zeros")
        return content


@contextmanager
def unpacked(path: Path) -> Iterator[tuple[BinaryIO, bool]]:
    """The content as a stream, and whether it is compressed; raises as `open_regular`."""
    with _Padded(open_regular(path).detach()) as file:
        start = file.read(6)
        file.seek(0)
        for magic, unpacker in _UNPACKERS.items():
            if start.startswith(magic):
                with unpacker(file) as stream:
                    yield stream, True
                return
        yield file, False


def unreadable_member(info: zipfile.ZipInfo) -> str:
    """Why a member of a zip is not read, or ""."""
    if info.flag_bits & 0x1:
        return "encrypted"
    # Python unpacks other kinds in steps that can be of any size.
    plain = info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    return "" if plain else "compressed in another way than deflate"
