"""Where shards lie: a folder of this machine, or a place behind an address that fsspec knows."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from saddlepoint.core.errors import InputError, RunFailed
from saddlepoint.core.paths import given_path
from saddlepoint.core.reading import Absent, read_bytes
from saddlepoint.core.streams import tell
from saddlepoint.data.search import offline

WAITS = (1, 2, 4, 8, 15, 30, 30, 30)
"""Seconds between attempts to reach a store that is away: two minutes in all."""
_PIECE = 2**22
_PATIENCE = 30
"""Seconds without a connection, or without a byte."""
_CLIENTS = {"aiohttp": "ClientError", "botocore.exceptions": "BotoCoreError"}
"""Errors of the clients behind fsspec that are no OSError: module -> their common class."""


class Store(ABC):
    """Files under one place."""

    place: str
    """The folder or address, for sentences and for other processes."""

    @abstractmethod
    def read(self, name: str, most: int) -> bytes:
        """The whole content of a file of at most `most` bytes.

        Raises:
            Absent: there is no such file.
            InputError: it is larger, or may not be read.
            RunFailed: the store cannot be reached, tried for two minutes.
        """

    @abstractmethod
    def tars(self) -> list[str]:
        """The names of all files that end in .tar, sorted; raises as `read`."""

    def stamp(self, name: str) -> list[int]:
        """Changes when the file does, where that costs no request; else []."""
        return []


def store_of(place: str) -> Store:
    """The store at a path or an address, such as s3://bucket/faces or https://host/faces.

    Raises:
        InputError: what reads such an address is not installed.
    """
    if is_address(place):
        return RemoteStore(place)
    return LocalStore(given_path(place.removeprefix("file://")))


def is_address(text: str) -> bool:
    """Whether a text is an address and not a path of this machine."""
    return "://" in text and not text.startswith("file://")


class LocalStore(Store):
    """A folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.place = str(folder)

    def read(self, name: str, most: int) -> bytes:
        return read_bytes(self.folder / name, most)

    def stamp(self, name: str) -> list[int]:
        with suppress(OSError):  # whoever reads it says that it is missing
            status = (self.folder / name).stat()
            return [status.st_size, status.st_mtime_ns]
        return []

    def tars(self) -> list[str]:
        with suppress(NotADirectoryError, FileNotFoundError):
            return sorted(p.name for p in self.folder.iterdir() if p.suffix == ".tar")
        return []


class RemoteStore(Store):
    """A place behind an address; what fails is tried again, as stores are away now and then."""

    def __init__(self, place: str) -> None:
        self.place = place.rstrip("/")
        self._scheme = place.partition("://")[0].lower()
        if offline():
            raise InputError(f"SADDLE_OFFLINE=1 forbids reading {place}; copy the shards here.")
        try:
            import fsspec
        except ModuleNotFoundError:
            raise InputError(f"{place} {_needs(self._scheme)}") from None
        # Its stubs know nothing of what a file system can do.
        options: dict[str, Any] = {}
        try:
            if self._scheme in ("http", "https"):
                import aiohttp

                timeout = aiohttp.ClientTimeout(sock_connect=_PATIENCE, sock_read=_PATIENCE)
                options["client_kwargs"] = {"timeout": timeout}
            self._files: Any = fsspec.filesystem(self._scheme, **options)
        except ImportError:
            raise InputError(f"{place} {_needs(self._scheme)}") from None
        except ValueError as error:  # fsspec has never heard of the scheme
            raise InputError(f"{place} cannot be read: {error}; use s3://, https:// ...") from None

    def read(self, name: str, most: int) -> bytes:
        address = f"{self.place}/{name}"
        return self._patiently(address, lambda: self._read(address, most))

    def tars(self) -> list[str]:
        found = self._patiently(self.place, lambda: self._files.glob(f"{self.place}/*.tar"))
        return sorted(path.rpartition("/")[2] for path in found)

    def _read(self, address: str, most: int) -> bytes:
        # Plain HTTP servers send a file from its beginning only; 0 asks for just that.
        stream = {"block_size": 0} if self._scheme in ("http", "https") else {}
        with self._files.open(address, "rb", **stream) as file:
            pieces, size = [], 0
            while size <= most and (piece := file.read(min(_PIECE, most + 1 - size))):
                pieces.append(piece)
                size += len(piece)
        if size > most:
            raise InputError(f"{address} has more than the {most:,} bytes that it should have.")
        return b"".join(pieces)

    def _patiently(self, address: str, attempt: Any) -> Any:
        troubles = (OSError, EOFError, TimeoutError, *_client_errors())
        for wait in (*WAITS, None):
            try:
                return attempt()
            except FileNotFoundError:
                raise Absent(f"{address}: no such file; check the address.") from None
            except PermissionError as error:
                raise InputError(f"{address} may not be read ({_words(error)}).") from None
            except troubles as error:
                if wait is None:
                    raise RunFailed(
                        f"{address} could not be read for {sum(WAITS)} seconds ({_words(error)}); "
                        "check the store and the network, then go on with `saddle resume`."
                    ) from error
                tell(f"{address}: {_words(error)}; trying again in {wait} s.")
                time.sleep(wait)
        raise AssertionError("the last attempt returns or raises")


def _client_errors() -> list[type[Exception]]:
    found = []
    for module, name in _CLIENTS.items():
        with suppress(ImportError):
            found.append(getattr(import_module(module), name))
    return found


def _words(error: BaseException) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__


def _needs(scheme: str) -> str:
    # Each kind of store has a package of its own.
    own = {"s3": " s3fs", "gs": " gcsfs", "gcs": " gcsfs", "abfs": " adlfs", "az": " adlfs"}
    return (
        f"needs packages that are missing: pip install 'saddlepoint[shards]'{own.get(scheme, '')}"
    )
