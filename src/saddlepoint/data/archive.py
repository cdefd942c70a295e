"""Folders, zips and tars, listed and read without trusting them; nothing is ever extracted.

Members are read into memory one at a time, so a name that points outside does no harm. Such names
are still reported as rejected: whoever made the archive may have meant harm.
"""

from __future__ import annotations

import io
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from saddlepoint.core.errors import InputError
from saddlepoint.data.listing import Entry, Listing, is_ignored, too_large

MAX_TAR_RATIO = 64
"""A compressed tar that grows by more than this (beyond 1 GiB) is taken for a bomb."""


class Reader:
    """Reads entries; one for each process, as an open zip cannot be shared."""

    def __init__(self, kind: str, root: Path) -> None:
        self._root = root
        self._zip = zipfile.ZipFile(root) if kind == "zip" else None
        self._tar = open(root, "rb") if kind == "tar" else None  # noqa: SIM115 - closed by close

    def read(self, entry: Entry) -> bytes:
        """The whole content.

        Raises:
            OSError, zipfile.BadZipFile, zlib.error and others: it cannot be read.
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
        spool: returns the file to unpack a compressed tar into, as a compressed stream cannot be
            read by several processes. The members stay inside that tar.

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
    listing = Listing(kind="folder", root=root)
    rejected = listing.rejected
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
            elif reason := too_large(status.st_size):
                rejected[name] = reason
            else:
                listing.newest = max(listing.newest, status.st_mtime)
                listing.files[name] = Entry(name, status.st_size, status.st_mtime_ns)
        while linked and not real:
            if _identity(root / linked[0]) not in seen:
                seen.add(_identity(root / linked[0]))
                break
            rejected[linked.pop(0).rstrip("/")] = "link to a folder that is read already"
    return listing


def _children(
    root: Path, prefix: str, rejected: dict[str, str]
) -> Iterator[tuple[str, os.stat_result, bool]]:
    """(name, status of what it leads to, is a link) of everything in a folder, sorted."""
    try:
        with os.scandir(root / prefix) as scan:
            children = sorted(scan, key=lambda child: child.name)
    except OSError as error:
        rejected[prefix.rstrip("/") or "."] = f"cannot be read ({error.strerror})"
        return
    for child in children:
        name = prefix + child.name
        if is_ignored(name):
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
    listing = Listing(kind="zip", root=path, newest=path.stat().st_mtime)
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            entry = Entry(info.filename, info.file_size, info.CRC)
            is_link = stat.S_ISLNK(info.external_attr >> 16)  # the upper half is Unix' mode
            encrypted = "encrypted" if info.flag_bits & 0x1 else ""
            problem = "link inside an archive" if is_link else encrypted
            listing.add_member(entry, is_folder=info.is_dir(), problem=problem)
    return listing


def _list_tar(path: Path, spool: Callable[[], Path]) -> Listing:
    plain = _plain_tar(path, spool)
    listing = Listing(kind="tar", root=plain, newest=path.stat().st_mtime)
    with tarfile.open(plain, "r:") as archive:
        for member in archive:
            name = member.name.removeprefix("./")
            entry = Entry(name, member.size, int(member.mtime), member.offset_data)
            problem = "" if member.isreg() and not member.issparse() else "not a regular file"
            if member.issym() or member.islnk():
                problem = "link inside an archive"
            listing.add_member(entry, is_folder=member.isdir(), problem=problem)
        end = archive.offset
    with open(plain, "rb") as file:  # tarfile accepts a file that was cut between two members
        file.seek(end)
        if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("its end is missing")
    return listing


def _plain_tar(path: Path, spool: Callable[[], Path]) -> Path:
    """The tar itself if it is not compressed, else its unpacked stream in the spool file."""
    limit = path.stat().st_size * MAX_TAR_RATIO + 2**30
    with tarfile.open(path) as archive:  # finds the compression by the content
        stream = archive.fileobj
        assert stream is not None
        if isinstance(stream, io.BufferedReader):  # the file itself, not a decompressor
            return path
        stream.seek(0)
        target = spool()
        with open(target, "wb") as file:
            while block := stream.read(2**20):
                if file.tell() + len(block) > limit:
                    raise InputError(
                        f"{path} unpacks to more than {limit:,} bytes, as a bomb does; unpack it "
                        f"yourself if you trust it."
                    )
                file.write(block)
    return target
