"""Stacked MNIST: a thousand known modes, to count how many a generator produces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from saddlepoint.core.checks import at_least
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.registry import register
from saddlepoint.data.arrays import image_dataset
from saddlepoint.data.sources._mnist_like import MnistLike


@register("stacked-mnist")
@dataclass(frozen=True, kw_only=True)
class StackedMnist(MnistLike):
    """Three random MNIST digits as red, green and blue, 28x28; class = 100 r + 10 g + b.

    The digits are drawn independently and uniformly from the MNIST images, so the thousand classes
    are nearly, but not exactly, equally likely.

    Papers: Srivastava et al., "VEEGAN", 2017 (128,000 triplets); Metz et al., "Unrolled GANs".
    """

    split: Literal["train", "test", "all"] = "train"
    """Which MNIST images the triplets are drawn from: train, test or all."""
    n_items: int = 128_000
    """Triplets; VEEGAN and PacGAN train on 128,000."""
    draw_seed: int = 0
    """Seed of the triplets; the run's own seed does not change the data."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, 1, "n_items")

    def open(self) -> Dataset:
        images, labels = self.read()
        generator = np.random.Generator(np.random.PCG64(self.draw_seed))
        triplets = generator.integers(len(images), size=(self.n_items, 3))
        stacked = np.empty((self.n_items, *images.shape[1:3], 3), np.uint8)
        # By channel: images[triplets] would be a second copy while its axes are swapped.
        for channel in range(3):
            stacked[..., channel] = images[triplets[:, channel], :, :, 0]
        classes = tuple(f"{number:03d}" for number in range(1000))
        return image_dataset("stacked-mnist", stacked, labels[triplets] @ [100, 10, 1], classes)
