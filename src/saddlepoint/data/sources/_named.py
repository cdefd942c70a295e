"""What every source that has a name, and needs no path, can say about itself."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from saddlepoint.core.contracts import Dataset, DataSpec, Source
from saddlepoint.data.fingerprint import fingerprint


class NamedSource(Source):
    """A data set that `saddle data list` shows."""

    @abstractmethod
    def where(self) -> str | None:
        """Where the data lies, or None when it would have to be fetched; downloads nothing."""


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
