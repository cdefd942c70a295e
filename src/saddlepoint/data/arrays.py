"""Data sets from arrays of images."""

from __future__ import annotations

import numpy as np

from saddlepoint.core.contracts import Dataset, DataSpec
from saddlepoint.core.errors import InputError
from saddlepoint.data.fingerprint import fingerprint


def checked_images(name: str, images: np.ndarray) -> np.ndarray:
    """The images, once it is certain that they are what `image_dataset` takes.

    Raises:
        InputError: not uint8 [n, h, w, c] with n >= 1, h = w and c = 1 or 3.
    """
    good = images.dtype == np.uint8 and images.ndim == 4 and images.shape[3] in (1, 3)
    if not good or len(images) == 0 or images.shape[1] != images.shape[2]:
        raise InputError(
            f"{name} holds {images.dtype} {list(images.shape)}, but images must be uint8 "
            f"[n, h, w, c] with at least one image, h = w and c = 1 or 3; convert or crop them."
        )
    return images


def image_dataset(
    name: str, images: np.ndarray, labels: np.ndarray | None, classes: tuple[str, ...]
) -> Dataset:
    """uint8 [n, h, w, c] and int64 [n] | None -> a Dataset whose spec follows from the arrays."""
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
