"""Finds a named data set: in the user's folder, the system's, the cache, or by a download."""

from __future__ import annotations

import logging
import os
from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saddlepoint.core.contracts import Source
from saddlepoint.core.errors import InputError
from saddlepoint.core.files import cache_folder
from saddlepoint.core.paths import given_path
from saddlepoint.data.progress import DownloadBar

SYSTEM_FOLDER = Path("/usr/share/datasets")
"""Where Debian's data packages install."""


class NamedSource(Source):
    """A data set that has a name and needs no path: `saddle data list` shows it."""

    @abstractmethod
    def where(self) -> str | None:
        """Where the data is, or None if it would have to be fetched; downloads nothing."""


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """A file of a data set, and the address of the original."""

    name: str
    """File name in the data set's folder."""
    url: str
    """Address of the original."""
    sha256: str
    """Hash (hex) of the original; a download that differs is thrown away."""


def candidate_folders(name: str) -> list[Path]:
    """Folders that may hold data set `name`, best first: $SADDLE_DATA, the system's, the cache."""
    own = os.environ.get("SADDLE_DATA")
    roots = [given_path(own)] if own else []
    return [root / name for root in (*roots, SYSTEM_FOLDER, cache_folder() / "datasets")]


def spellings(name: str) -> list[str]:
    """The names that an IDX file may have: gzipped or not, with "-idx" or ".idx"."""
    plain = name.removesuffix(".gz")
    dotted = plain.replace("-idx", ".idx")
    return [name, plain, f"{dotted}.gz", dotted]


def find_in(folder: Path, names: list[str]) -> dict[str, Path] | None:
    """The path of every wanted file in `folder`, or None if one is missing."""
    found = {}
    for name in names:
        paths = [folder / spelling for spelling in spellings(name)]
        present = next((path for path in paths if path.is_file()), None)
        if present is None:
            return None
        found[name] = present
    return found


def locate(name: str, names: list[str]) -> Path | None:
    """The first folder of the search order that holds all files of `names`; downloads nothing."""
    return next((f for f in candidate_folders(name) if find_in(f, names)), None)


def obtain(
    name: str, files: list[RemoteFile], *, path: str = "", package: str = ""
) -> dict[str, Path]:
    """Find the files of a data set, or download them into the cache.

    Args:
        path: a folder that the user named; nothing else is searched then.
        package: Debian package that installs the data, for the error message.

    Raises:
        InputError: `path` lacks a file; or the data is nowhere and cannot be downloaded.
    """
    names = [file.name for file in files]
    folder = given_path(path) if path else locate(name, names)
    if folder is None:
        return _download(name, files, package)
    found = find_in(folder, names)
    if found is None:
        raise InputError(
            f"{path!r} does not hold {name}: it must be a folder with {', '.join(names)}; "
            f"leave the path out to search the usual places."
        )
    return found


def _download(name: str, files: list[RemoteFile], package: str) -> dict[str, Path]:
    folder = cache_folder() / "datasets" / name
    # Before anything is imported or asked: a machine without a network must not wait for one.
    if offline():
        raise InputError(_absent(name, files, package, "SADDLE_OFFLINE=1 forbids a download"))
    import pooch  # only here: it imports an HTTP client that most commands do not need
    from requests import RequestException

    pooch.get_logger().setLevel(logging.WARNING)
    found = {}
    for file in files:
        bar = DownloadBar(file.name)
        # Seconds to connect (without a network the error should come soon), and seconds without
        # a byte.
        patience = (5, 30)
        downloader: Any = pooch.HTTPDownloader(progressbar=bar, timeout=patience)  # type: ignore[arg-type]  # not in its stubs
        try:
            # pooch downloads to a temporary name and renames only when the hash is right.
            got = pooch.retrieve(
                file.url, f"sha256:{file.sha256}", file.name, folder, downloader=downloader
            )
        except (RequestException, OSError, ValueError) as error:
            reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            why = f"the download of {file.name} failed: {reason}"
            raise InputError(_absent(name, files, package, why)) from None
        finally:
            bar.close()
        found[file.name] = Path(got)
    return found


def offline() -> bool:
    """True if SADDLE_OFFLINE is set to anything but 0."""
    return os.environ.get("SADDLE_OFFLINE", "0") not in ("", "0")


def _absent(name: str, files: list[RemoteFile], package: str, why: str) -> str:
    folder = cache_folder() / "datasets" / name
    listing = "; ".join(f"{file.url} (sha256 {file.sha256})" for file in files)
    debian = f", or on Debian run `apt install {package}`" if package else ""
    searched = ", ".join(str(place) for place in candidate_folders(name))
    return (
        f"{name} was not found in {searched} and {why}; "
        f"fetch {listing} and put the files into {folder}{debian}."
    )
