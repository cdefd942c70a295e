"""Features of real images, and of what can be made of them without a generator."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from saddlepoint.core.errors import InputError
from saddlepoint.core.measures import LoadedExtractor
from saddlepoint.evaluation.choose import choose_extractor
from saddlepoint.lab.claims._base import Work

PART = 500
"""Images in one call of the extractor."""


class Halves:
    """Two sets of real images that have none in common, shuffled by the seed.

    Raises:
        InputError: data without labels, or too few images.
    """

    def __init__(self, work: Work, n: int) -> None:
        data = work.dataset
        if data.labels is None or not data.spec.is_image:
            raise InputError(f"{data.name} has no labelled images; give other data by --data.")
        order = torch.randperm(len(data), generator=work.random("halves")).numpy()
        self.data, self.labels = data, data.labels
        self.n = min(n, len(data) // 3)
        if self.n < 50:
            raise InputError(f"{data.name} has {len(data)} images; at least 150 are needed.")
        self.one, self.other, self.rest = np.split(order, [self.n, 2 * self.n])

    @cached_property
    def extractor(self) -> LoadedExtractor:
        """A classifier of the data, trained the first time and then cached."""
        return choose_extractor("classifier", self.data)[0]

    def features(self, images: np.ndarray) -> Tensor:
        """uint8 [n, h, w, c] -> float32 [n, d]."""
        parts = (images[first : first + PART] for first in range(0, len(images), PART))
        return torch.cat([self.extractor(torch.from_numpy(np.array(p))).vectors for p in parts])

    def of(self, rows: np.ndarray) -> Tensor:
        """Features of the images at these places of the data."""
        return self.features(self.data.images[np.sort(rows)])[np.argsort(np.argsort(rows))]


def sizes_up_to(most: int, wanted: tuple[int, ...]) -> list[int]:
    """The wanted numbers of images that are there, and `most` where it is the smaller."""
    found = [size for size in wanted if size <= most]
    return found if found and found[-1] > most / 2 else [*found, most]
