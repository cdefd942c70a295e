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
from typing import Any, BinaryIO, NamedTuple, TypedDict

from saddlepoint.core.errors import InputError
from saddlepoint.core.json_files import dumps, read_json
from saddlepoint.data.archive import Reader
from saddlepoint.data.decode import Decoded, Recipe, decode, quiet_pillow
from saddlepoint.data.listing import Entry, Refused

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


class _Document(TypedDict):
    crc: int
    records: list[tuple[str, str, tuple[int, ...], tuple[int, ...], tuple[str, ...], str]]


def split(entries: list[Entry]) -> list[list[Entry]]:
    return [entries[start : start + CHUNK] for start in range(0, len(entries), CHUNK)]


def run_chunk(work: Work, reader: Reader, number: int, entries: list[Entry]) -> list[Record]:
    """Decode a chunk into its two files; returns the records.

    Raises:
        OSError: the scratch folder cannot be written.
    """
    records, crc = [], 0
    # Each file complete or absent after a kill; no fsync, as the checksum detects damage by a power
    # cut. One picture in memory at a time.
    bin_file, json_file = (_file(work.scratch, number, suffix) for suffix in ("bin", "json"))
    temporary = bin_file.with_name(f"{bin_file.name}.{os.getpid()}.tmp")
    with quiet_pillow(), open(temporary, "wb") as file:
        for entry in entries:
            record, pixels = _one(work.recipe, reader, entry)
            records.append(record)
            file.write(pixels)
            crc = zlib.crc32(pixels, crc)
    os.replace(temporary, bin_file)
    # The records last: where they are, the pixels are, too.
    temporary.write_text(dumps({"crc": crc, "records": records}))
    os.replace(temporary, json_file)
    return records


def _one(recipe: Recipe, reader: Reader, entry: Entry) -> tuple[Record, bytes]:
    try:
        decoded = decode(reader.read(entry), recipe)
    except Refused as error:
        return Record(entry.name, refused=str(error)), b""
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


def read_records(scratch: Path, number: int) -> list[Record] | None:
    """The records of a finished chunk, or None if it must be done again."""
    try:
        document = read_json(_file(scratch, number, "json"), _Document)
        with open_pixels(scratch, number) as file:
            crc = 0
            while block := file.read(2**20):
                crc = zlib.crc32(block, crc)
    except (OSError, InputError):
        return None
    return records_from(document["records"]) if crc == document["crc"] else None


def records_from(rows: list[list[Any]]) -> list[Record]:
    """Records from their JSON."""
    return [
        Record(name, refused, tuple(shape), tuple(source_size), tuple(notes), digest)
        for name, refused, shape, source_size, notes, digest in rows
    ]


def open_pixels(scratch: Path, number: int) -> BinaryIO:
    """The pixels of a chunk's good images, one after another: h * w * c bytes each."""
    return open(_file(scratch, number, "bin"), "rb")
