"""The four IDX files that MNIST and its kin are made of."""

from __future__ import annotations

import numpy as np

from saddlepoint.data.idx import read_idx_pair
from saddlepoint.data.search import RemoteFile, obtain

SPLITS = {"train": ("train",), "test": ("t10k",), "all": ("train", "t10k")}
"""A user's word for a split -> the prefixes of the files that make it."""


def remote_files(base_url: str, sha256: dict[str, str]) -> list[RemoteFile]:
    """The files of a data set from their hashes by name, all served under one address."""
    return [
        RemoteFile(name=name, url=base_url + name, sha256=digest) for name, digest in sha256.items()
    ]


def read_split(
    name: str, files: list[RemoteFile], split: str, path: str, package: str = ""
) -> tuple[np.ndarray, np.ndarray]:
    """-> images uint8 [n, 28, 28, 1] and labels int64 [n] of "train", "test" or "all".

    Raises:
        InputError: data absent, or a damaged file.
    """
    wanted = [file for file in files if file.name.startswith(SPLITS[split])]
    found = obtain(name, wanted, path=path, package=package)
    parts = [
        read_idx_pair(
            found[f"{prefix}-images-idx3-ubyte.gz"], found[f"{prefix}-labels-idx1-ubyte.gz"]
        )
        for prefix in SPLITS[split]
    ]
    if len(parts) == 1:
        return parts[0]
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])
