"""IDX files, the format of MNIST: a magic number, the lengths of the axes, then plain bytes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import BinaryIO

import numpy as np

from saddlepoint.core.damage import decoding
from saddlepoint.core.errors import InputError
from saddlepoint.core.limits import require_memory
from saddlepoint.data.packed import MOST_GROWTH, unpacked

_UINT8 = 0x08


def read_idx(path: Path, n_dimensions: int) -> np.ndarray:
    """An IDX file of unsigned bytes, gzipped or not -> uint8 with `n_dimensions` axes.

    Raises:
        InputError: unreadable, not IDX, another type or number of axes, truncated or too long.
    """
    with (
        decoding(path, "fetch it again, the download may be incomplete"),
        unpacked(path) as (file, _),
    ):
        magic, lengths = file.read(4), file.read(4 * n_dimensions)
        if magic != bytes((0, 0, _UINT8, n_dimensions)):
            raise InputError(
                f"{path} starts with {magic.hex() or 'nothing'}, but an IDX file of unsigned bytes "
                f"with {n_dimensions} axes starts with 000008{n_dimensions:02x}; give the original "
                f"file."
            )
        # A truncated header reads as lengths of 0, which then do not match.
        shape = np.frombuffer(lengths.ljust(4 * n_dimensions, b"\0"), ">u4").tolist()
        expected = math.prod(shape)
        if expected > MOST_GROWTH * path.stat().st_size:
            raise ValueError(f"its header announces {expected:,} bytes, which are not there")
        require_memory(expected, str(path), "give fewer or smaller images")
        # Into memory of its own: `read` would hold the content twice, and give bytes that nobody
        # may write to, of which training would take a copy.
        content = np.empty(expected, np.uint8)
        n_read = _read_into(file, content)
        too_long = bool(file.read(1))
    if n_read != expected or too_long or len(lengths) != 4 * n_dimensions:
        found = "more" if too_long else f"{4 + len(lengths) + n_read:,}"
        raise InputError(
            f"{path} holds {found} bytes, but its header announces {4 + len(lengths) + expected:,};"
            f" fetch the file again, it is damaged."
        )
    return content.reshape(shape)


def _read_into(file: BinaryIO, content: np.ndarray) -> int:
    """Fill `content` as far as the file reaches; -> bytes read."""
    view, n_read = content.data, 0
    while n := file.readinto(view[n_read:]):  # type: ignore[attr-defined]  # BinaryIO lacks it
        n_read += n
    return n_read


def read_idx_pair(images_path: Path, labels_path: Path) -> tuple[np.ndarray, np.ndarray]:
    """-> images uint8 [n, h, w, 1] and labels int64 [n].

    Raises:
        InputError: either file is bad, or they differ in length.
    """
    images = read_idx(images_path, 3)[..., None]
    labels = read_idx(labels_path, 1).astype(np.int64)
    if len(images) != len(labels):
        raise InputError(
            f"{images_path} holds {len(images)} images but {labels_path} holds {len(labels)} "
            f"labels; the two must come from the same set."
        )
    return images, labels
