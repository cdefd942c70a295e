"""Any IDX file of images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from saddlepoint.core.contracts import Dataset, Source
from saddlepoint.core.errors import InputError
from saddlepoint.core.paths import given_path
from saddlepoint.core.registry import register
from saddlepoint.data.arrays import image_dataset
from saddlepoint.data.idx import read_idx, read_idx_pair


@register("idx")
@dataclass(frozen=True, kw_only=True)
class Idx(Source):
    """An IDX file of images, with labels from the file beside it, if there is one.

    The usual names: `train-images-idx3-ubyte[.gz]` goes with `train-labels-idx1-ubyte[.gz]`.
    """

    path: str
    """The file of images, gzipped or not."""

    def open(self) -> Dataset:
        path = given_path(self.path)
        if not path.is_file():
            raise InputError(f"{self.path} is not a file; give the path of an IDX file of images.")
        labels_path = _labels_beside(path)
        labels: np.ndarray | None = None
        if labels_path is None:
            images = read_idx(path, 3)[..., None]
        else:
            images, labels = read_idx_pair(path, labels_path)
        return image_dataset(path.name.split(".")[0], images, labels, where=self.path)


def _labels_beside(path: Path) -> Path | None:
    if "images" not in path.name:
        return None
    plain = path.name.replace("images", "labels").replace("idx3", "idx1").removesuffix(".gz")
    beside = [path.with_name(plain), path.with_name(f"{plain}.gz")]
    return next((candidate for candidate in beside if candidate.is_file()), None)
