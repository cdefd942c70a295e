"""Decoding in chunks that survive a kill: a chunk is complete on disk or done again.

Each chunk of entries becomes two files in the scratch folder: `000012.bin`, the pixels of its good
images one after another, and then `000012.json`, one record per entry and a checksum of the
pixels. The chunks depend on the sorted listing alone, so the result does not depend on the number
of workers or on interruptions.

Every worker process imports this file, so it must stay quick to import (no torch).
"""

from __future__ import annotations

import hashlib
import os
import zlib
from pathlib import Path
from typing import Any, NamedTuple

from saddlepoint.core.errors import InputError
from saddlepoint.core.json_files import dumps, read_json
from saddlepoint.data.archive import Reader
from saddlepoint.data.decode import Decoded, Recipe, Refused, decode, quiet_pillow
from saddlepoint.data.listing import Entry

CHUNK = 128
"""Images in a chunk: about a tenth of a second of work, so a kill costs little."""


class Work(NamedTuple):
    """What a worker needs besides its chunk."""

    kind: str
    root: Path
    recipe: Recipe
    scratch: Path


class Record(NamedTuple):
    """What became of one entry."""

    name: str
    refused: str = ""
    """The reason, or empty for a good image."""
    shape: tuple[int, ...] = ()
    """[h, w, c] of its pixels."""
    source_size: tuple[int, ...] = ()
    """(width, height) in the file."""
    notes: tuple[str, ...] = ()
    digest: str = ""
    """Hash of the pixels and the source size; equal for exact duplicates."""


def split(entries: list[Entry]) -> list[list[Entry]]:
    return [entries[start : start + CHUNK] for start in range(0, len(entries), CHUNK)]


def run_chunk(work: Work, reader: Reader, number: int, entries: list[Entry]) -> list[Record]:
    records, parts = [], []
    with quiet_pillow():
        for entry in entries:
            record, pixels = _one(work.recipe, reader, entry)
            records.append(record)
            if pixels is not None:
                parts.append(pixels)
    content = b"".join(parts)
    document = {"crc": zlib.crc32(content), "records": records}
    # The records last: where they are, the pixels are, too.
    _replace(_file(work.scratch, number, "bin"), content)
    _replace(_file(work.scratch, number, "json"), dumps(document).encode())
    return records


def _one(recipe: Recipe, reader: Reader, entry: Entry) -> tuple[Record, bytes | None]:
    try:
        content = reader.read(entry)
    except Exception as error:  # damaged archives raise all kinds of errors
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "damaged"
        return Record(entry.name, refused=f"cannot be read ({reason})"), None
    try:
        decoded = decode(content, recipe)
    except Refused as error:
        return Record(entry.name, refused=str(error)), None
    record = Record(
        entry.name,
        shape=decoded.shape,
        source_size=decoded.source_size,
        notes=decoded.notes,
        digest=_digest(decoded),
    )
    return record, decoded.pixels


def _digest(decoded: Decoded) -> str:
    """A hash that is equal for the same picture in a grey and in a colour file."""
    height, width, channels = decoded.shape
    pixels = decoded.pixels
    if channels == 3 and pixels[0::3] == pixels[1::3] == pixels[2::3]:
        pixels = pixels[0::3]
        channels = 1
    head = f"{decoded.source_size} {height} {width} {channels}".encode()
    return hashlib.blake2b(head + pixels, digest_size=16).hexdigest()


def _file(scratch: Path, number: int, suffix: str) -> Path:
    return scratch / f"{number:06d}.{suffix}"


def _replace(path: Path, content: bytes) -> None:
    """Complete or absent after a kill; no fsync, as the checksum detects damage by a power cut."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(content)
    os.replace(temporary, path)


def read_records(scratch: Path, number: int) -> list[Record] | None:
    """The records of a finished chunk, or None if it must be done again."""
    try:
        document: dict[str, Any] = read_json(_file(scratch, number, "json"))
        content = _file(scratch, number, "bin").read_bytes()
    except (OSError, InputError):
        return None
    if zlib.crc32(content) != document["crc"]:
        return None
    return records_from(document["records"])


def records_from(rows: list[list[Any]]) -> list[Record]:
    """Records from their JSON."""
    return [
        Record(name, refused, tuple(shape), tuple(source_size), tuple(notes), digest)
        for name, refused, shape, source_size, notes, digest in rows
    ]


def read_pixels(scratch: Path, number: int) -> memoryview:
    """The pixels of a chunk's good images, one after another: h * w * c bytes each."""
    return memoryview(_file(scratch, number, "bin").read_bytes())
