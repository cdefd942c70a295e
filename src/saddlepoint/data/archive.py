"""Folders, zips and tars, listed and read without trusting them; nothing is ever extracted.

Members are read into memory one at a time, so a name that points outside does no harm. Such names
are still reported as rejected: whoever made the archive may have meant harm.
"""

from __future__ import annotations

import os
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from saddlepoint.core.damage import decoding
from saddlepoint.core.errors import InputError
from saddlepoint.core.reading import open_regular, require_regular
from saddlepoint.data import tar
from saddlepoint.data.listing import MAX_FILE_BYTES, Entry, Listing, Refused, is_ignored, too_large
from saddlepoint.data.packed import unpacked, unreadable_member

MAX_RATIO, FREE_GROWTH = 64, 2**28
"""An archive that grows to more than this times its size, and bytes, is taken for a bomb."""


class Reader:
    """Reads entries; one for each process, as an open zip cannot be shared."""

    def __init__(self, kind: str, root: Path) -> None:
        self._root = root
        self._zip = zipfile.ZipFile(root) if kind == "zip" else None
        self._tar = open_regular(root) if kind == "tar" else None

    def read(self, entry: Entry) -> bytes:
        """The whole content.

        Raises:
            Refused: it cannot be read.
            OSError: the machine is in trouble.
        """
        try:
            with decoding(entry.name, "fetch it again"):
                return self._read(entry)
        except InputError as error:
            cause = error.__cause__
            reason = cause.strerror if isinstance(cause, OSError) else None
            raise Refused(f"cannot be read ({reason or 'damaged'})") from error

    def _read(self, entry: Entry) -> bytes:
        if self._zip is not None:
            with self._zip.open(entry.name) as file:
                # A number, or a member that is larger than it says would be unpacked whole.
                return file.read(entry.size + 1)
        if self._tar is not None:
            self._tar.seek(entry.offset)
            return self._tar.read(entry.size)
        with open_regular(os.path.join(self._root, entry.name), MAX_FILE_BYTES) as file:
            return file.read(entry.size + 1)

    def close(self) -> None:
        for archive in (self._zip, self._tar):
            if archive is not None:
                archive.close()


def archive_kind(path: Path) -> str:
    """`zip`, `tar` (compressed or not), or "" for another file; by content and not by name.

    Raises:
        InputError: it is not a regular file, or compressed and damaged.
    """
    require_regular(path)
    if zipfile.is_zipfile(path):
        return "zip"
    with decoding(path, "fetch it again"), unpacked(path) as (stream, _):
        return "tar" if tar.is_header(stream.read(tarfile.BLOCKSIZE)) else ""


def list_source(source: Path, spool: Callable[[], Path]) -> Listing:
    """List a folder, zip or tar.

    Args:
        spool: returns the file to unpack a compressed tar into, as a compressed stream cannot be
            read by several processes. The members stay inside that tar.

    Raises:
        InputError: no such path, neither folder nor archive, the root of the file system, or an
            archive that is damaged or a bomb.
    """
    if source.is_dir():
        if source.resolve() == Path(source.resolve().anchor):
            raise InputError(f"{source} is the whole file system; give the folder of the images.")
        return _list_folder(source)
    if not source.exists():
        raise InputError(f"{source} does not exist; give a folder, zip or tar of images.")
    kind = archive_kind(source)
    if not kind:
        raise InputError(
            f"{source} is neither a folder nor a zip or tar archive of images; give one of these."
        )
    with decoding(source, "fetch it again"):
        return _list_zip(source) if kind == "zip" else _list_tar(source, spool)


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
            problem = unreadable_member(info)
            if stat.S_ISLNK(info.external_attr >> 16):  # the upper half is Unix' mode
                problem = "link inside an archive"
            listing.add_member(entry, is_folder=info.is_dir(), problem=problem)
    # Members may share their bytes, so even those that are not packed can be a bomb together.
    _check_growth(path, sum(entry.size for entry in listing.entries))
    return listing


def _list_tar(path: Path, spool: Callable[[], Path]) -> Listing:
    plain = _plain_tar(path, spool)
    listing = Listing(kind="tar", root=plain, newest=path.stat().st_mtime)
    for member in tar.members(plain):
        name = member.name.removeprefix("./")
        entry = Entry(name, member.size, int(member.mtime), member.offset_data)
        problem = "" if member.isreg() and not member.issparse() else "not a regular file"
        if member.issym() or member.islnk():
            problem = "link inside an archive"
        listing.add_member(entry, is_folder=member.isdir(), problem=problem)
    return listing


def _plain_tar(path: Path, spool: Callable[[], Path]) -> Path:
    """The tar itself if it is not compressed, else its unpacked stream in the spool file."""
    with unpacked(path) as (stream, compressed):
        if not compressed:
            return path
        target = spool()
        with open(target, "wb") as file:
            while block := stream.read(2**20):
                _check_growth(path, file.tell() + len(block))
                file.write(block)
    return target


def _check_growth(path: Path, n_bytes: int) -> None:
    status = path.stat()
    # Holes in a file are read as zeros, and cost whoever made it nothing. Some file systems do not
    # count blocks.
    stored = min(status.st_size, 512 * status.st_blocks or status.st_size)
    limit = stored * MAX_RATIO + FREE_GROWTH
    if n_bytes > limit:
        raise InputError(
            f"{path} unpacks to more than {limit:,} bytes, like a zip bomb; unpack it yourself if "
            f"you trust it."
        )
