"""Stacked MNIST: a thousand known modes, to count how many a generator still makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from saddlepoint.core.checks import at_least, one_of
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.registry import register
from saddlepoint.data.search import locate
from saddlepoint.data.sources._mnist_files import MNIST_FILES
from saddlepoint.data.sources._mnist_like import SPLITS, read_split
from saddlepoint.data.sources._named import NamedSource, image_dataset


@register("stacked-mnist")
@dataclass(frozen=True, kw_only=True)
class StackedMnist(NamedSource):
    """Three random MNIST digits as red, green and blue, 28x28; class = 100 r + 10 g + b.

    The digits of a triplet are drawn independently and uniformly over the MNIST images, so the
    thousand classes are nearly, not exactly, equally likely.

    Paper: Srivastava et al., "VEEGAN", 2017 (128,000 triplets); Metz et al., "Unrolled GANs".
    """

    split: Literal["train", "test", "all"] = "train"
    """Which MNIST images the triplets are drawn from: train, test or all."""
    n_items: int = 128_000
    """Triplets; 128,000 for training in VEEGAN's and PacGAN's protocol."""
    draw_seed: int = 0
    """Seed of the triplets; the run's own seed does not change the data."""
    path: str = ""
    """Folder with MNIST's IDX files; empty searches the usual places, then downloads."""

    def __post_init__(self) -> None:
        at_least(self, 1, "n_items")
        one_of(self, tuple(SPLITS), "split")

    def open(self) -> Dataset:
        images, labels = read_split("mnist", MNIST_FILES, self.split, self.path)
        generator = np.random.Generator(np.random.PCG64(self.draw_seed))
        triplets = generator.integers(len(images), size=(self.n_items, 3))
        stacked = np.empty((self.n_items, *images.shape[1:3], 3), np.uint8)
        for channel in range(3):
            stacked[..., channel] = images[triplets[:, channel], :, :, 0]
        classes = tuple(f"{number:03d}" for number in range(1000))
        return image_dataset("stacked-mnist", stacked, labels[triplets] @ [100, 10, 1], classes)

    def where(self) -> str | None:
        folder = locate("mnist", [file.name for file in MNIST_FILES])
        return None if folder is None else str(folder)
