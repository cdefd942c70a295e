"""Finds files of published weights and checks their bytes."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

from saddlepoint.core.errors import InputError
from saddlepoint.core.paths import given_path
from saddlepoint.data.search import RemoteFile, candidate_folders, obtain, offline


def find_weights(name: str, files: Sequence[RemoteFile], weights: str) -> Path:
    """One of several equivalent files of weights, the first of `files` preferred.

    Args:
        name: folder in the usual places that may hold the files.
        weights: a file or its folder; empty searches the usual places, then downloads.

    Raises:
        InputError: no such file; or it is nowhere and cannot be downloaded.
    """
    if weights:
        named = given_path(weights)
        path = named if named.is_file() else _known_name(named, files)
        if path is None:
            known = ", ".join(file.name for file in files)
            raise InputError(
                f"weights={weights!r} is neither a file nor a folder with one of {known}; "
                f"leave it out to search the usual places."
            )
        return path
    path = in_usual_places(name, files)
    if path is not None:
        return path
    failures = []
    for file in files:
        try:
            return obtain(name, [file])[file.name]
        except InputError as error:
            failures.append(error)
            if offline():
                break
    raise failures[0]


def in_usual_places(name: str, files: Sequence[RemoteFile]) -> Path | None:
    """The first of the files that is in one of the usual places; nothing is downloaded."""
    found = (_known_name(folder, files) for folder in candidate_folders(name))
    return next((path for path in found if path is not None), None)


def _known_name(folder: Path, files: Sequence[RemoteFile]) -> Path | None:
    paths = [folder / file.name for file in files]
    return next((path for path in paths if path.is_file()), None)


def open_weights(path: Path) -> io.BufferedReader:
    """
    Raises:
        InputError: unreadable.
    """
    try:
        return path.open("rb")
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}; fix that or move the file."
        ) from None


def identify(
    content: io.BufferedIOBase, path: Path, files: Sequence[RemoteFile], what: str
) -> RemoteFile:
    """Which of `files` the content is, by its hash.

    Args:
        path: where it comes from, for the error.
        what: name of the network, for the error.

    Raises:
        InputError: none of them.
    """
    digest = hashlib.file_digest(content, "sha256").hexdigest()
    for file in files:
        if file.sha256 == digest:
            return file
    n_bytes = content.seek(0, io.SEEK_END)
    raise InputError(
        f"{path} is not {what} or is damaged: its {n_bytes:,} bytes have sha256 {digest[:12]}..., "
        f"not {files[0].sha256[:12]}...; replace it with {files[0].url}."
    )
