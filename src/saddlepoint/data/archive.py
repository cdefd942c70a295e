"""What lies in a folder, zip or tar, listed without trusting it; nothing is ever extracted.

Members are read into memory one at a time, so a name that points outside can do no harm; such
names are still listed as rejected, because an archive that carries them is worth a look.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import os
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from saddlepoint.core.errors import InputError

MAX_FILE_BYTES = 256 * 2**20
"""A larger file, or archive member when unpacked, is not read."""
MAX_TAR_RATIO = 64
"""A compressed tar that grows by more than this (beyond 1 GiB) is taken for a bomb."""
_IGNORED = re.compile(r"(^|/)(\.|(thumbs\.db|desktop\.ini|__macosx)(/|$))", re.IGNORECASE)


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


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The files of a source, sorted by name, and those that must not be read."""

    kind: str
    """folder | zip | tar."""
    root: Path
    """The folder or archive that `Reader` opens."""
    entries: list[Entry]
    rejected: dict[str, str] = field(default_factory=dict)
    """Name -> reason."""
    newest: float = 0.0
    """Latest mtime (s) of the source's files, or of the archive."""

    def key(self, *, stamps: bool) -> str:
        """sha256 over names and sizes, and the stamps if wanted (they differ between copies)."""
        rows = [f"{e.name!a} {e.size} {e.stamp if stamps else 0}\n" for e in self.entries]
        text = "".join(rows) + repr(sorted(self.rejected.items()))
        return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()


class Reader:
    """Reads entries; one for each process, as an open zip cannot be shared."""

    def __init__(self, kind: str, root: Path) -> None:
        self._kind = kind
        self._root = root
        self._zip = zipfile.ZipFile(root) if kind == "zip" else None
        self._tar = open(root, "rb") if kind == "tar" else None  # noqa: SIM115 - closed by close

    def read(self, entry: Entry) -> bytes:
        """The whole content.

        Raises:
            OSError, zipfile.BadZipFile, zlib.error and kin: it cannot be read.
        """
        if self._zip is not None:
            return self._zip.read(entry.name)
        if self._tar is not None:
            self._tar.seek(entry.offset)
            return self._tar.read(entry.size)
        with open(os.path.join(self._root, entry.name), "rb", buffering=0) as file:
            return file.read()

    def close(self) -> None:
        for archive in (self._zip, self._tar):
            if archive is not None:
                archive.close()


def is_archive(path: Path) -> bool:
    """True for a zip or a tar (compressed or not), by content and not by name."""
    return path.is_file() and (zipfile.is_zipfile(path) or tarfile.is_tarfile(path))


def list_source(source: Path, spool: Callable[[], Path]) -> Listing:
    """List a folder, zip or tar.

    Args:
        spool: gives a file to unpack a compressed tar into (its members stay inside it), as a
            compressed stream cannot be read from several processes.

    Raises:
        InputError: no such path, neither folder nor archive, or a damaged archive.
    """
    if source.is_dir():
        return _list_folder(source)
    if not source.exists():
        raise InputError(f"{source} does not exist; give a folder, zip or tar of images.")
    try:
        if zipfile.is_zipfile(source):
            return _list_zip(source)
        if tarfile.is_tarfile(source):
            return _list_tar(source, spool)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise InputError(f"{source} is a damaged archive ({error}); fetch it again.") from None
    raise InputError(
        f"{source} is neither a folder nor a zip or tar archive of images; give one of these."
    )


def _list_folder(root: Path) -> Listing:
    """Real folders first, then linked ones; each folder is read once, so links cannot loop."""
    entries: list[Entry] = []
    rejected: dict[str, str] = {}
    newest = 0.0
    seen = {_identity(root)}
    real, linked = [""], []
    while real or linked:
        prefix = real.pop() if real else linked.pop(0)
        for name, status, is_link in _children(root, prefix, rejected):
            if stat.S_ISDIR(status.st_mode):
                # A linked folder waits: it may lead to a real one that comes later in the walk.
                (linked if is_link else real).append(name + "/")
                if not is_link:
                    seen.add((status.st_dev, status.st_ino))
            elif not stat.S_ISREG(status.st_mode):
                rejected[name] = "not a regular file"
            elif status.st_size > MAX_FILE_BYTES:
                rejected[name] = _too_large(status.st_size)
            else:
                newest = max(newest, status.st_mtime)
                entries.append(Entry(name, status.st_size, status.st_mtime_ns))
        while linked and not real:
            if _identity(root / linked[0]) not in seen:
                seen.add(_identity(root / linked[0]))
                break
            rejected[linked.pop(0).rstrip("/")] = "link to a folder that is read already"
    entries.sort(key=lambda entry: entry.name)
    return Listing(kind="folder", root=root, entries=entries, rejected=rejected, newest=newest)


def _children(
    root: Path, prefix: str, rejected: dict[str, str]
) -> Iterator[tuple[str, os.stat_result, bool]]:
    """(name, status of what it leads to, is a link) of all that a folder holds, sorted."""
    try:
        with os.scandir(root / prefix) as scan:
            children = sorted(scan, key=lambda child: child.name)
    except OSError as error:
        rejected[prefix.rstrip("/") or "."] = f"cannot be read ({error.strerror})"
        return
    for child in children:
        name = prefix + child.name
        if _ignored(name):
            continue
        try:
            yield name, child.stat(), child.is_symlink()
        except OSError as error:
            reason = "broken link" if child.is_symlink() else f"cannot be read ({error.strerror})"
            rejected[name] = reason


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _list_zip(path: Path) -> Listing:
    entries: dict[str, Entry] = {}
    rejected: dict[str, str] = {}
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            name = info.filename
            reason = _unsafe(name)
            if reason is None and (info.is_dir() or _ignored(name)):
                continue
            if reason is None and stat.S_ISLNK(info.external_attr >> 16):
                reason = "link inside an archive"
            if reason is None and info.flag_bits & 0x1:
                reason = "encrypted"
            if reason is None and info.file_size > MAX_FILE_BYTES:
                reason = _too_large(info.file_size)
            if reason is None and name in entries:
                reason = "the name stands twice in the archive; the last one was read"
            if reason is not None:
                rejected[name] = reason
            if reason is None or name in entries:
                entries[name] = Entry(name, info.file_size, info.CRC)
    return Listing(
        kind="zip",
        root=path,
        entries=sorted(entries.values(), key=lambda entry: entry.name),
        rejected=rejected,
        newest=path.stat().st_mtime,
    )


def _list_tar(path: Path, spool: Callable[[], Path]) -> Listing:
    newest = path.stat().st_mtime
    plain = _plain_tar(path, spool)
    entries: dict[str, Entry] = {}
    rejected: dict[str, str] = {}
    with tarfile.open(plain, "r:") as archive:
        for member in archive:
            name = member.name.removeprefix("./")
            reason = _unsafe(name)
            if reason is None and (member.isdir() or _ignored(name)):
                continue
            if reason is None and (member.issym() or member.islnk()):
                reason = "link inside an archive"
            if reason is None and (not member.isreg() or member.issparse()):
                reason = "not a regular file"
            if reason is None and member.size > MAX_FILE_BYTES:
                reason = _too_large(member.size)
            if reason is not None:
                rejected[name] = reason
                continue
            entries[name] = Entry(name, member.size, int(member.mtime), member.offset_data)
        end = archive.offset
    with open(plain, "rb") as file:  # tarfile takes a file cut between two members for whole
        file.seek(end)
        if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("its end is missing")
    return Listing(
        kind="tar",
        root=plain,
        entries=sorted(entries.values(), key=lambda entry: entry.name),
        rejected=rejected,
        newest=newest,
    )


def _plain_tar(path: Path, spool: Callable[[], Path]) -> Path:
    """The tar itself when it is not compressed, else its unpacked stream in the spool file."""
    with open(path, "rb") as file:
        head = file.read(8)
    if head.startswith(b"\x1f\x8b"):
        packed = gzip.open(path, "rb")  # noqa: SIM115 - closed below
    elif head.startswith(b"BZh"):
        packed = bz2.open(path, "rb")  # noqa: SIM115 - closed below
    elif head.startswith(b"\xfd7zXZ"):
        packed = lzma.open(path, "rb")  # noqa: SIM115 - closed below
    else:
        return path
    limit = path.stat().st_size * MAX_TAR_RATIO + 2**30
    target = spool()
    written = 0
    with packed, open(target, "wb") as file:
        while block := packed.read(2**20):
            written += len(block)
            if written > limit:
                raise InputError(
                    f"{path} unpacks to more than {limit:,} bytes, as a bomb does; unpack it "
                    f"yourself if you trust it."
                )
            file.write(block)
    return target


def _unsafe(name: str) -> str | None:
    parts = name.replace("\\", "/").split("/")
    if parts[0] == "" or parts[0].endswith(":") or ".." in parts:
        return "points outside the archive"
    return None


def _ignored(name: str) -> bool:
    """Droppings of operating systems, and hidden files and folders."""
    return _IGNORED.search(name) is not None


def _too_large(n_bytes: int) -> str:
    return f"too large: {n_bytes:,} bytes, the limit is {MAX_FILE_BYTES:,}"
