"""Three images as the colours of one, so that there are as many kinds as triplets of classes."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from saddlepoint.core.errors import InputError
from saddlepoint.core.measures import LoadedExtractor
from saddlepoint.evaluation.choose import choose_extractor
from saddlepoint.lab.claims._base import Work

SURE = 0.5
"""Probability from which the classifier has recognised an image: more than all other classes have
together. So it does in 99 % of real triplets."""
PART = 1000
"""Stacked images in one call of the classifier."""


class Stacked:
    """Stacked images made of the claim's data, as Stacked-MNIST is made of MNIST.

    Srivastava et al. 2017 (VEEGAN), https://arxiv.org/abs/1705.07761, section 4.1.

    Raises:
        InputError: the data are not grey images with labels.
    """

    def __init__(self, work: Work) -> None:
        self.data = data = work.dataset
        if data.labels is None or not data.spec.is_image or data.spec.channels != 1:
            raise InputError(f"{data.name} has no grey images with labels; give other data.")
        self.modes = data.spec.n_classes**3

    def write(self, file: Path, n: int, seed: int) -> None:
        """Triplets that are drawn independently, as a data set without labels."""
        draws = np.random.Generator(np.random.PCG64(seed))
        triplets = draws.integers(len(self.data), size=(n, 3))
        grey = np.asarray(self.data.images)[..., 0]
        np.savez(file, images=np.stack([grey[triplets[:, c]] for c in range(3)], -1))

    @cached_property
    def _classifier(self) -> LoadedExtractor:
        """Of one colour: it learned from the images that were stacked."""
        return choose_extractor("classifier", self.data)[0]

    def covered(self, images: np.ndarray) -> dict[str, float]:
        """Triplets of classes with a sample whose three colours are all recognised, and the share
        of such samples; images uint8 [n, h, w, 3]."""
        n_classes, found = self.data.spec.n_classes, []
        for first in range(0, len(images), PART):
            colours = np.moveaxis(images[first : first + PART], 3, 1)
            logits = self._classifier(torch.from_numpy(colours.reshape(-1, *colours.shape[2:], 1)))
            assert logits.logits is not None
            best, classes = logits.logits.softmax(1).view(-1, 3, n_classes).max(2)
            place = torch.tensor([n_classes**2, n_classes, 1])
            found.append((classes * place).sum(1)[(best >= SURE).all(1)])
        good = torch.cat(found)
        return {"modes": len(good.unique()), "good": len(good) / len(images)}
