"""Opens .npy and .npz only once their headers fit the bytes that are there, and the memory."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np

from saddlepoint.core.damage import decoding
from saddlepoint.core.errors import InputError
from saddlepoint.core.limits import require_memory
from saddlepoint.core.reading import open_regular
from saddlepoint.data.packed import MOST_GROWTH, unreadable_member


def map_npy(path: Path, remedy: str) -> np.ndarray:
    """An .npy as a read-only memory map.

    Args:
        remedy: for a damaged file: `prepare the set again`.

    Raises:
        InputError: no such file, damaged, or of Python objects.
    """
    with decoding(path, remedy):
        with open_regular(path) as file:
            _check_header(file, file.seek(0, io.SEEK_END), str(path))
        return np.load(path, mmap_mode="r", allow_pickle=False)


@contextmanager
def open_npz(path: Path) -> Iterator[dict[str, Callable[[], np.ndarray]]]:
    """Name of each array -> a function that reads it.

    Raises:
        InputError: no such file, damaged, of Python objects, or larger than the memory.
    """
    remedy = "save it again with np.savez"
    with decoding(path, remedy), open_regular(path) as file, zipfile.ZipFile(file) as archive:
        yield {
            info.filename.removesuffix(".npy"): partial(_read_member, archive, info, path)
            for info in archive.infolist()
        }


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> np.ndarray:
    if why := unreadable_member(info):
        raise ValueError(f"{info.filename} is {why}")
    if info.file_size > MOST_GROWTH * info.compress_size:
        raise ValueError(f"{info.filename} claims {info.file_size:,} bytes, which are not there")
    with archive.open(info) as file:
        _check_header(file, info.file_size, str(path))
    require_memory(info.file_size, f"{path}: {info.filename}", "give fewer or smaller images")
    with archive.open(info) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def _check_header(file: IO[bytes], n_bytes: int, path: str) -> None:
    """Raises ValueError unless the header tells the right number of bytes."""
    file.seek(0)
    version = np.lib.format.read_magic(file)  # type: ignore[arg-type]  # its stubs want more
    read = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}
    if version[0] not in read:
        raise ValueError(f"version {version[0]} of the format")
    try:
        shape, _, dtype = read[version[0]](file)  # type: ignore[arg-type]  # as above
    except ValueError:  # numpy's words are for programmers
        raise ValueError("its header describes no array") from None
    if dtype.hasobject:
        raise InputError(
            f"{path} holds Python objects (pickle), which are never loaded; save plain arrays: "
            f"`images` uint8 [n, h, w, c]."
        )
    wanted, there = math.prod(shape) * dtype.itemsize, n_bytes - file.tell()
    if wanted != there:
        raise ValueError(f"{dtype} {list(shape)} needs {wanted:,} bytes, and {there:,} are there")
