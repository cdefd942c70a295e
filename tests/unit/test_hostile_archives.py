"""Archives made to harm: each ends in one sentence, or in a report, soon and in little memory."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import shutil
import struct
import tarfile
import time
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saddlepoint.core.errors import InputError
from saddlepoint.data import archive, listing, tar
from saddlepoint.data.archive import archive_kind, list_source
from saddlepoint.data.prepare import prepare


def png(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def header(name: bytes, size: bytes, kind: bytes = b"0", **fields: bytes) -> bytes:
    """A tar header with a right checksum and anything in its other fields."""
    head = bytearray(512)
    places = {"name": 0, "size": 124, "kind": 156, "magic": 257, "map": 386, "more": 482}
    given = {"name": name, "size": size, "kind": kind, "magic": b"ustar\x0000", **fields}
    for field, value in given.items():
        head[places[field] : places[field] + len(value)] = value
    head[148:156] = b"%06o\0 " % (sum(head) + 8 * 32)
    return bytes(head)


def member(content: bytes, name: bytes = b"a.png", kind: bytes = b"0") -> bytes:
    head = header(name, b"%011o\0" % len(content), kind)
    return head + content + bytes(-len(content) % 512)


END = bytes(1024)
GOOD = member(png(1))
SIZES = {
    "negative": b"\xff" * 10 + b"\xfe\x00",
    "minus one": b"\xff" * 12,
    "minus in octal": b"-0000001000\0",
    "beyond 64 bits": b"\x80" + b"\x7f" * 11,
    "8 GiB": b"77777777777\0",
    "no number": b"9999zzzz\0\0\0\0",
}


def pax(text: bytes) -> bytes:
    """An extended header with one record, whose length is right."""
    length = next(n for n in range(10**5) if n == len(b"%d %s\n" % (n, text)))
    return member(b"%d %s\n" % (length, text), b"PaxHeader", b"x")


TARS = {
    **{f"{how} size": GOOD + header(b"b.png", size) + END for how, size in SIZES.items()},
    **{
        f"pax size {size[:9].decode()}": GOOD + pax(b"size=" + size) + member(png(2)) + END
        for size in (b"-1", b"-1024", b"9" * 30, b"9" * 5000, b"x")
    },
    **{
        f"pax length {length[:9].decode()}": GOOD + member(length + b" path=x\n", b"p", b"x") + END
        for length in (b"0", b"-5", b"1", b"99999999", b"9" * 5000, b"")
    },
    "pax without end": GOOD + member(b"1" * 100_000, b"p", b"x") + GOOD + END,
    "long name of 8 GiB": GOOD + header(b"n", b"77777777777\0", b"L") + END,
    "long name of 2 MiB": GOOD + member(b"x" * 2**21, b"n", b"L") + GOOD + END,
    "sparse without end": GOOD + header(b"s", b"00000000000\0", b"S", more=b"\1"),
    "cut in a member": GOOD + member(png(2))[:600],
    "cut between members": GOOD + member(png(2)),
    "text between members": GOOD + b"hello".ljust(512, b".") + GOOD + END,
}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
@pytest.mark.parametrize("how", TARS)
def test_a_tar_that_lies_is_damaged(tmp_path: Path, how: str, packed: bool) -> None:
    path = tmp_path / "hostile.tar"
    path.write_bytes(gzip.compress(TARS[how], 1) if packed else TARS[how])
    with pytest.raises(InputError, match=r"hostile\.tar is damaged \(.+\); fetch it again\."):
        list_source(path, lambda: tmp_path / "spool")


def test_odd_members_of_a_tar_do_not_hide_the_good_ones(tmp_path: Path) -> None:
    sparse = header(b"b.png", b"%011o\0" % 512, b"S", magic=b"ustar  \0", map=b"\xff" * 96)
    odd = [
        sparse + bytes(512),
        header(b"s2.png", b"%011o\0" % 512, b"S", more=b"\1") + bytes(512) + bytes(512),
        pax(b"GNU.sparse.map=0,9,-5,3") + member(png(2), b"c.png"),
        header(b"fifo.png", SIZES["8 GiB"], b"6"),
        header(b"link.png", SIZES["8 GiB"], b"2"),
        member(b"?", b"new.png", b"Z"),
        member(b"14 comment=ab\n", b"g", b"g"),
        member(b"x" * 300 + b"\0", b"K", b"K"),
    ]
    (tmp_path / "a.tar").write_bytes(b"".join(odd) + GOOD + END)
    found = list_source(tmp_path / "a.tar", lambda: tmp_path / "spool")
    assert list(found.files) == ["a.png"]
    assert set(found.rejected) == {"b.png", "s2.png", "c.png", "fifo.png", "link.png", "new.png"}


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_tar_is_listed_as_python_lists_it(tmp_path: Path, form: int) -> None:
    names = ["a.png", "d/" * 40 + "x.png", "é.png", "\udcff.png", "f" * 90, "dir/"]
    if form != tarfile.USTAR_FORMAT:
        names += ["n" * 300, "deep/" * 60 + "x.png", "o" * 100]
    with tarfile.open(tmp_path / "a.tar", "w", format=form, errors="surrogateescape") as target:
        for i, name in enumerate(names):
            info = tarfile.TarInfo(name.rstrip("/"))
            info.size, info.mtime = 700 * i, 10**9 + i
            if name.endswith("/"):
                info.type, info.size = tarfile.DIRTYPE, 0
            target.addfile(info, io.BytesIO(bytes([i]) * info.size))
    with tarfile.open(tmp_path / "a.tar") as opened:
        wanted = [(m.name, m.isfile(), m.size, int(m.mtime), m.offset_data) for m in opened]
    found = [
        (m.name, m.isfile(), m.size, int(m.mtime), m.offset_data)
        for m in tar.members(tmp_path / "a.tar")
    ]
    assert found == wanted


def test_many_wrong_headers_take_little_time(tmp_path: Path) -> None:
    """Digits without end: expressions that look for a number in them take quadratic time."""
    block = b"1" * 2**20
    (tmp_path / "a.tar").write_bytes(member(b"7 a=b\n\n" + block, b"p", b"x") * 20 + GOOD + END)
    started = time.process_time()
    with pytest.raises(InputError, match="is damaged"):
        list_source(tmp_path / "a.tar", lambda: tmp_path / "spool")
    values = b"".join(b"11 a=%s\n" % (b"1" * 5) for _ in range(5000))
    (tmp_path / "b.tar").write_bytes(member(values, b"p", b"x") * 20 + GOOD + END)
    assert list(list_source(tmp_path / "b.tar", lambda: tmp_path / "spool").files) == ["a.png"]
    assert time.process_time() - started < 1


def test_an_archive_that_grows_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "FREE_GROWTH", 0)
    (tmp_path / "a.tgz").write_bytes(gzip.compress(GOOD + member(bytes(2**22), b"b.png") + END))
    (tmp_path / "a.tbz").write_bytes(bz2.compress(GOOD + member(bytes(2**22), b"b.png") + END))
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as target:
        for i in range(4):
            target.writestr(f"{i}.png", bytes(2**20))
    shutil.copy(tmp_path / "a.tgz", tmp_path / "holes.tgz")
    os.truncate(tmp_path / "holes.tgz", 2**30)
    for name in ("a.tgz", "a.tbz", "a.zip", "holes.tgz"):
        with pytest.raises(InputError, match=r"unpacks to more than .* like a zip bomb"):
            list_source(tmp_path / name, lambda: tmp_path / "spool")


def test_members_that_share_their_bytes_are_a_bomb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "FREE_GROWTH", 0)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("000.png", bytes(50_000))
    content = (tmp_path / "a.zip").read_bytes()
    start, end = content.index(b"PK\x01\x02"), content.index(b"PK\x05\x06")
    entries = [content[start:end].replace(b"000.png", b"%03d.png" % i) for i in range(500)]
    size = sum(map(len, entries))
    finish = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 500, 500, size, start, 0)
    (tmp_path / "a.zip").write_bytes(content[:start] + b"".join(entries) + finish)
    with pytest.raises(InputError, match="like a zip bomb"):
        list_source(tmp_path / "a.zip", lambda: tmp_path / "spool")


def test_too_many_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MAX_MEMBERS", 5)
    (tmp_path / "a.tar").write_bytes(GOOD * 6 + END)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as target:
        for i in range(6):
            target.writestr(f".hidden/{i}.png", b"")
    for name in ("a.tar", "a.zip"):
        with pytest.raises(InputError, match="has more than 5 members; unpack it"):
            list_source(tmp_path / name, lambda: tmp_path / "spool")


def zip_with(path: Path, changes: dict[int, bytes], method: int = zipfile.ZIP_DEFLATED) -> None:
    """A good a.png, and a b.png whose entry of the directory is changed at some bytes."""
    with zipfile.ZipFile(path, "w", method) as target:
        target.writestr("a.png", png(1))
        target.writestr("b.png", png(2) + bytes(10**6))
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\x01\x02")
    for offset, value in changes.items():
        content[at + offset : at + offset + len(value)] = value
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({8: b"\1\0"}, "encrypted"),
        ({10: b"\x63\0"}, "compressed in another way than deflate"),
        ({10: b"\x0c\0"}, "compressed in another way than deflate"),
        ({24: struct.pack("<I", 100)}, "cannot be read (damaged)"),
        ({20: struct.pack("<I", 7)}, "cannot be read (damaged)"),
        ({42: struct.pack("<I", 2**31)}, "cannot be read (damaged)"),
        ({16: b"abcd"}, "cannot be read (damaged)"),
    ],
)
def test_a_member_that_lies_is_set_aside(
    tmp_path: Path, changes: dict[int, bytes], reason: str
) -> None:
    zip_with(tmp_path / "a.zip", changes)
    report = prepare(tmp_path / "a.zip", tmp_path / "out", size=8, workers=1)
    assert report.manifest["files"] == ["a.png"]
    assert report.quarantined == {"b.png": reason}


def test_a_member_that_points_into_another_is_set_aside(tmp_path: Path) -> None:
    zip_with(tmp_path / "a.zip", {})
    content = (tmp_path / "a.zip").read_bytes()
    second = content.rindex(b"PK\x03\x04")
    with zipfile.ZipFile(tmp_path / "a.zip", "a") as target:
        target.writestr("c.png", png(3))
    content = bytearray((tmp_path / "a.zip").read_bytes())
    at = content.index(b"b.png", content.index(b"PK\x01\x02")) - 4
    assert content[at : at + 4] == struct.pack("<I", second)  # where the directory has b.png
    content[at : at + 4] = struct.pack("<I", 9)  # in the middle of a.png
    (tmp_path / "a.zip").write_bytes(content)
    report = prepare(tmp_path / "a.zip", tmp_path / "out", size=8, workers=1)
    files, refused = report.manifest["files"], report.quarantined
    # Some versions of Python look for members that overlap, and refuse a.png as well.
    looks = hasattr(zipfile.ZipInfo(), "_end_offset")
    assert sorted(files) == (["c.png"] if looks else ["a.png", "c.png"])
    assert sorted([*files, *refused]) == ["a.png", "b.png", "c.png"]
    assert set(refused.values()) == {"cannot be read (damaged)"}


@pytest.mark.parametrize("start", [b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\0", b"\x5d\0\0"])
@pytest.mark.parametrize("n", [0, 40])
def test_what_only_begins_as_an_archive(tmp_path: Path, start: bytes, n: int) -> None:
    (tmp_path / "a.tgz").write_bytes(start + np.random.default_rng(0).bytes(n))
    for read in (archive_kind, lambda path: prepare(path, tmp_path / "out", workers=1)):
        with pytest.raises(InputError, match=r"a\.tgz is damaged"):
            read(tmp_path / "a.tgz")


def test_names_that_are_not_utf_8_come_through(tmp_path: Path) -> None:
    with warnings.catch_warnings(), zipfile.ZipFile(tmp_path / "a.zip", "w") as target:
        target.writestr("caf\xe9/a.png", png(1))
        target.writestr("\xffb/b.png", png(2))
    (tmp_path / "a.tar").write_bytes(
        member(png(1), b"caf\xe9/a.png") + member(png(2), b"\xffb/b.png") + END
    )
    for name in ("a.zip", "a.tar"):
        report = prepare(tmp_path / name, tmp_path / f"{name}.out", size=8, workers=1)
        assert report.n_images == 2
        assert len(report.manifest["classes"]) == 2
