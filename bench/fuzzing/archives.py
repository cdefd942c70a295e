"""Zips and tars that nobody should have to read, each wrong in one way."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random

from PIL import Image

from fuzzing.damage import step

HOSTILE_NAMES = (
    "/etc/passwd.png",
    "../../outside.png",
    "a/../../b.png",
    "C:\\x.png",
    "\\\\server\\x.png",
    "x" * 300 + ".png",
    "d/" * 200 + "x.png",
    "\x1b]0;pwned\x07.png",
    "line\nbreak.png",
    "[bold]x.png",
    "\udcff.png",
    "é.png",
    "a/.png",
    "a//b.png",
    " .png",
    "nul\0.png",
    "CON.png",
    ".hidden/x.png",
    "__MACOSX/x.png",
)


def picture_bytes(draw: Random, width: int = 9, height: int = 9, mode: str = "RGB") -> bytes:
    bands = len(Image.new(mode, (1, 1)).getbands())
    buffer = io.BytesIO()
    picture = Image.frombytes(mode, (width, height), draw.randbytes(width * height * bands))
    picture.save(buffer, "PNG")
    return buffer.getvalue()


@step
def archive(world: Path, path: str, how: str, seed: int) -> None:
    """A zip or tar that is wrong in one way."""
    draw = Random(seed)
    ARCHIVES[how](world / path, draw)


def _zip(target: Path, draw: Random, names: tuple[str, ...], content: bytes | None = None) -> None:
    with warnings.catch_warnings(), zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as opened:
        warnings.simplefilter("ignore")  # a name that comes twice is meant
        for name in names:
            info = zipfile.ZipInfo("x")
            info.filename = name.encode(errors="surrogateescape").decode("latin-1")
            opened.writestr(info, picture_bytes(draw) if content is None else content)


def _zip_bomb(target: Path, draw: Random) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("a.png", bytes(300 * 2**20))
        opened.writestr("b.png", picture_bytes(draw))


def _zip_many(target: Path, draw: Random) -> None:
    with zipfile.ZipFile(target, "w") as opened:
        for i in range(3000):
            opened.writestr(f"{i}.png", b"")


def _zip_encrypted(target: Path, draw: Random) -> None:
    _zip(target, draw, ("a.png", "b.png"))
    content = bytearray(target.read_bytes())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        found = content.find(mark)
        while found >= 0:
            content[found + at] |= 1
            found = content.find(mark, found + 4)
    target.write_bytes(content)


def _zip_method(target: Path, draw: Random) -> None:
    """A compression that Python does not know."""
    _zip(target, draw, ("a.png", "b.png"))
    content = target.read_bytes()
    content = content.replace(
        b"PK\x01\x02\x14\x03\x14\x00\x00\x00\x08\x00", b"PK\x01\x02\x14\x03\x14\x00\x00\x00\x63\x00"
    )
    target.write_bytes(content)


def _zip_sizes(target: Path, draw: Random) -> None:
    """The directory tells other sizes than the members have."""
    _zip(target, draw, ("a.png", "b.png"))
    content = bytearray(target.read_bytes())
    found = content.find(b"PK\x01\x02")
    struct.pack_into(
        "<II", content, found + 20, *(draw.choice((0, 5, 2**31, 2**32 - 1)) for _ in "ab")
    )
    target.write_bytes(content)


def _tar(target: Path, headers: list[tuple[bytes, bytes]]) -> None:
    body = b"".join(header + content + bytes(-len(content) % 512) for header, content in headers)
    target.write_bytes(body + bytes(1024))


def _header(
    name: bytes, size: bytes, kind: bytes = b"0", extra: dict[int, bytes] | None = None
) -> bytes:
    """A tar header with a right checksum and any size field."""
    head = bytearray(512)
    head[: len(name)] = name[:100]
    head[100:108] = b"0000644\0"
    head[124 : 124 + len(size)] = size
    head[136:148] = b"00000000000\0"
    head[156:157] = kind
    head[257:265] = b"ustar\x0000"
    for at, value in (extra or {}).items():
        head[at : at + len(value)] = value
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head)


def _tar_size(target: Path, draw: Random) -> None:
    """Members of a negative, gigantic or unreadable size."""
    content = picture_bytes(draw)
    size = draw.choice(
        (
            b"\xff" * 11 + b"\x00",
            b"\xff" * 10 + b"\xfe\x00",
            b"\x80" + bytes(3) + b"\x7f" + b"\xff" * 7,
            b"77777777777\0",
            b"-0000000001\0",
            b"9999zzzz\0\0\0\0",
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\x00",
        )
    )
    good = _header(b"a.png", b"%011o\0" % len(content))
    _tar(target, [(good, content), (_header(b"b.png", size), b""), (good, content)])


def _tar_sparse(target: Path, draw: Random) -> None:
    content = picture_bytes(draw)
    numbers = [draw.choice((b"00000000000\0", b"77777777777\0", b"\xff" * 12)) for _ in range(8)]
    sparse = {386 + 12 * i: number for i, number in enumerate(numbers)}
    real = {482: bytes([draw.randrange(2)]), 483: draw.choice((b"77777777777\0", b"\xff" * 12))}
    gnu = {257: b"ustar  \0"}
    header = _header(b"b.png", b"%011o\0" % 512, b"S", {**sparse, **real, **gnu})
    good = _header(b"a.png", b"%011o\0" % len(content))
    _tar(target, [(good, content), (header, bytes(512))])


def _tar_pax(target: Path, draw: Random) -> None:
    """Extended headers that give a member another size, name or time."""
    content = picture_bytes(draw)
    words = {"size": ("-1", "9" * 30, "x"), "path": ("/etc/x.png", "\0", "a" * 5000)}
    words |= {"mtime": ("nan", "1e400", "-1"), "GNU.sparse.map": ("0,9,-5,3", "x")}
    words |= {"GNU.sparse.realsize": ("-7", "9" * 25), "hdrcharset": ("BINARY", "klingon")}
    keyword = draw.choice(list(words))
    text = f" {keyword}={draw.choice(words[keyword])}\n".encode()
    length = len(text) + len(str(len(text) + 2))
    record = draw.choice((b"%d" % length, b"0", b"-5", b"99999999")) + text
    pax = _header(b"PaxHeader", b"%011o\0" % len(record), b"x")
    good = _header(b"a.png", b"%011o\0" % len(content))
    _tar(target, [(pax, record), (good, content)])


def _tar_kinds(target: Path, draw: Random) -> None:
    """Links, devices and pipes."""
    with tarfile.open(target, "w") as opened:
        for i, kind in enumerate((b"1", b"2", b"3", b"4", b"6", b"5", b"7", b"Z")):
            info = tarfile.TarInfo(f"{i}.png")
            info.type, info.linkname = kind, draw.choice(("/etc/passwd", "../x", "0.png", ""))
            opened.addfile(info)


def _tar_names(target: Path, draw: Random) -> None:
    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT, errors="surrogateescape") as opened:
        for name in draw.sample(HOSTILE_NAMES, 5):
            info, content = tarfile.TarInfo(name), picture_bytes(draw)
            info.size = len(content)
            opened.addfile(info, io.BytesIO(content))


def _tar_bomb(target: Path, draw: Random) -> None:
    with gzip.open(target, "wb", 1) as opened:
        content = picture_bytes(draw)
        opened.write(_header(b"a.png", b"%011o\0" % len(content)))
        opened.write(content + bytes(-len(content) % 512))
        opened.write(_header(b"b.png", b"%011o\0" % (400 * 2**20)))
        for _ in range(400):
            opened.write(bytes(2**20))


def _not_one(target: Path, draw: Random) -> None:
    heads = (
        b"PK\x03\x04",
        b"PK\x05\x06",
        b"\x1f\x8b\x08",
        b"BZh9",
        b"\xfd7zXZ\0",
        b"Rar!",
        b"7z\xbc\xaf",
    )
    target.write_bytes(draw.choice(heads) + draw.randbytes(draw.choice((0, 20, 5000))))


ARCHIVES: dict[str, Callable[[Path, Random], None]] = {
    "zip names": lambda target, draw: _zip(target, draw, tuple(draw.sample(HOSTILE_NAMES, 5))),
    "zip twice": lambda target, draw: _zip(target, draw, ("a.png", "a.png", "b.png")),
    "zip empty": lambda target, draw: _zip(target, draw, ()),
    "zip no pictures": lambda target, draw: _zip(target, draw, ("a.png", "b.txt"), b"text"),
    "zip bomb": _zip_bomb,
    "zip many": _zip_many,
    "zip encrypted": _zip_encrypted,
    "zip method": _zip_method,
    "zip sizes": _zip_sizes,
    "tar size": _tar_size,
    "tar sparse": _tar_sparse,
    "tar pax": _tar_pax,
    "tar kinds": _tar_kinds,
    "tar names": _tar_names,
    "tar bomb": _tar_bomb,
    "not one": _not_one,
}
