"""Steps that make tables of labels and pictures that are wrong or merely odd."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random

from PIL import Image

from fuzzing.archives import picture_bytes
from fuzzing.damage import step
from fuzzing.world import draw_pictures


@step
def pictures(world: Path, path: str, n: int, seed: int, **shape: object) -> None:
    """A folder of n pictures of noise."""
    (world / path).mkdir(exist_ok=True)
    draw_pictures(world / path, n, Random(seed), **shape)  # type: ignore[arg-type]  # a drawn shape


@step
def file(world: Path, path: str, content: str) -> None:
    """A text file, with bytes that are not UTF-8 as lone surrogates."""
    target = world / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content.encode(errors="surrogateescape"))


@step
def long_table(world: Path, path: str, n: int) -> None:
    """A file of labels with one field or value of n characters."""
    text = "x" * n
    suffix = Path(path).suffix
    lines = {
        ".csv": f"file,label\na/001.png,{text}\n",
        ".jsonl": f'{{"file_name": "a/001.png", "label": "{text}"}}\n',
        ".json": "[" * n,
    }
    (world / path).write_text(lines[suffix])


@step
def picture(world: Path, path: str, how: str, seed: int) -> None:
    """A picture that is wrong or merely odd."""
    target = world / os.fsdecode(os.fsencode(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(PICTURES[how](Random(seed)))


@step
def huge_pictures(world: Path, path: str, n: int, side: int) -> None:
    """Pictures of one colour: hardly a file, and side * side bytes in memory."""
    (world / path).mkdir(exist_ok=True)
    for i in range(n):
        Image.new("L", (side, side), i).save(world / path / f"{i}.png")


def _png(draw: Random, width: int, height: int, depth: int = 8, colour: int = 2) -> bytes:
    """A PNG whose header claims any size."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )

    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(draw.randbytes(99)))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def _saved(kind: str, mode: str = "RGB", **more: object) -> Callable[[Random], bytes]:
    def make(draw: Random) -> bytes:
        buffer = io.BytesIO()
        Image.new(mode, (9, 7), draw.randrange(2)).save(buffer, kind, **more)
        return buffer.getvalue()

    return make


PICTURES: dict[str, Callable[[Random], bytes]] = {
    "empty": lambda draw: b"",
    "noise": lambda draw: draw.randbytes(500),
    "one pixel": lambda draw: picture_bytes(draw, 1, 1),
    "long": lambda draw: picture_bytes(draw, 3000, 1),
    "truncated": lambda draw: picture_bytes(draw, 60, 60)[: draw.randrange(8, 9000)],
    "claims 2**31": lambda draw: _png(draw, 2**31 - 1, 2**31 - 1),
    "claims 30000": lambda draw: _png(draw, 30_000, 30_000),
    "claims zero": lambda draw: _png(draw, 0, draw.randrange(2)),
    "bad depth": lambda draw: _png(draw, 9, 9, depth=7, colour=5),
    "palette": _saved("PNG", "P"),
    "bilevel": _saved("PNG", "1"),
    "cmyk": _saved("JPEG", "CMYK"),
    "float": _saved("TIFF", "F"),
    "16 bit": _saved("PNG", "I;16"),
    "alpha": _saved("PNG", "LA"),
    "gif": _saved("GIF", "P"),
    "webp": _saved("WEBP"),
    "bmp": _saved("BMP"),
    "exif": _saved("JPEG", exif=b"Exif\0\0" + b"\xff" * 40),
    "html": lambda draw: b"<html><body>404</body></html>",
    "svg": lambda draw: b"<svg xmlns='http://www.w3.org/2000/svg'/>",
}
