"""Data sets from arrays, and a hash by which equal ones are known."""

from __future__ import annotations

import hashlib

import numpy as np

from saddlepoint.core.contracts import Dataset, DataSpec
from saddlepoint.core.errors import InputError
from saddlepoint.core.json_files import dumps

MOST_CLASSES = 100_000
"""Every number up to the largest label gets a class name: a stray label must not fill memory."""


def check_images(name: str, images: np.ndarray) -> None:
    """Raises InputError unless they are uint8 [n, h, w, c] with n >= 1, h = w and c = 1 or 3."""
    good = images.dtype == np.uint8 and images.ndim == 4 and images.shape[3] in (1, 3)
    if not good or len(images) == 0 or images.shape[1] != images.shape[2]:
        raise InputError(
            f"{name} holds {images.dtype} {list(images.shape)}, but images must be uint8 "
            f"[n, h, w, c] with at least one image, h = w and c = 1 or 3; convert or crop them."
        )


def checked_labels(name: str, labels: np.ndarray, n: int, n_classes: int) -> np.ndarray:
    """The labels as int64 [n].

    Raises:
        InputError: not whole numbers from 0 to n_classes - 1, one for each of n images.
    """
    if labels.shape != (n,) or not np.issubdtype(labels.dtype, np.integer):
        raise InputError(
            f"{name} holds labels {labels.dtype} {list(labels.shape)}, but they must be whole "
            f"numbers, one for each of the {n} images."
        )
    for label in (int(labels.min()), int(labels.max())):
        if not 0 <= label < n_classes:
            raise InputError(
                f"{name} holds the label {label}, but labels count the classes from 0 and must be "
                f"below {n_classes:,}; correct the labels."
            )
    return labels.astype(np.int64)


def image_dataset(
    name: str,
    images: np.ndarray,
    labels: np.ndarray | None,
    classes: tuple[str, ...] | None = None,
    where: str = "",
) -> Dataset:
    """uint8 [n, h, w, c] and integers [n] | None -> a Dataset whose spec follows from the arrays.

    Args:
        classes: names; by default the numbers up to the largest label.
        where: what to call the arrays in a sentence about them; by default the name.

    Raises:
        InputError: images or labels of another kind, or a label that is not a class.
    """
    check_images(where or name, images)
    if labels is not None:
        most = MOST_CLASSES if classes is None else len(classes)
        labels = checked_labels(where or name, labels, len(images), most)
    if classes is None:
        classes = () if labels is None else tuple(str(i) for i in range(int(labels.max()) + 1))
    height, width, channels = images.shape[1:]
    spec = DataSpec(shape=(channels, height, width), n_classes=len(classes))
    return Dataset(
        name=name,
        spec=spec,
        images=images,
        labels=labels,
        classes=classes,
        fingerprint=fingerprint(spec, images, labels),
    )


def fingerprint(spec: DataSpec, images: np.ndarray, labels: np.ndarray | None) -> str:
    """sha256 (hex) over spec, images (their dtype, shape and bytes) and labels.

    Args:
        images: uint8 [n, h, w, c] or float32 [n, 2]; a memory map is read once, page by page.
        labels: int64 [n] or None.
    """
    digest = hashlib.sha256(dumps(spec.to_json(), sort_keys=True).encode())
    for array in (images, labels):
        if array is None:
            digest.update(b"none")
            continue
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
