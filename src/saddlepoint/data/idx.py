"""IDX files, the format of MNIST: a magic number, the lengths of the axes, then plain bytes."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from saddlepoint.core.errors import InputError

_UINT8 = 0x08


def read_idx(path: Path, n_dimensions: int) -> np.ndarray:
    """An IDX file of unsigned bytes, gzipped or not -> uint8 with `n_dimensions` axes.

    Raises:
        InputError: unreadable, not IDX, another type or number of axes, truncated or too long.
    """
    try:
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"{path} cannot be read ({error}); fetch it again, the download may be incomplete."
        ) from None
    header = 4 + 4 * n_dimensions
    if len(content) < 4 or content[:3] != bytes((0, 0, _UINT8)) or content[3] != n_dimensions:
        raise InputError(
            f"{path} starts with {content[:4].hex() or 'nothing'}, but an IDX file of unsigned "
            f"bytes with {n_dimensions} axes starts with 000008{n_dimensions:02x}; "
            f"give the original file."
        )
    # A truncated header reads as lengths of 0, which then do not match.
    lengths = content[4:header].ljust(header - 4, b"\0")
    shape = tuple(int(length) for length in np.frombuffer(lengths, ">u4"))
    expected = header + math.prod(shape)
    if len(content) != expected:
        raise InputError(
            f"{path} holds {len(content)} bytes, but its header announces {expected}; "
            f"fetch the file again, it is damaged."
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


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
