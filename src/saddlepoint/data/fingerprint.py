"""A hash of a whole data set: equal fingerprints mean equal data."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from saddlepoint.core.contracts import DataSpec


def fingerprint(spec: DataSpec, images: np.ndarray, labels: np.ndarray | None) -> str:
    """sha256 (hex) over spec, images (their dtype, shape and bytes) and labels.

    Args:
        images: uint8 [n, h, w, c] or float32 [n, 2]; a memory map is read once, page by page.
        labels: int64 [n] or None.
    """
    digest = hashlib.sha256(json.dumps(spec.to_json(), sort_keys=True).encode())
    for array in (images, labels):
        if array is None:
            digest.update(b"none")
            continue
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
