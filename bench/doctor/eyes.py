"""How the oracle sees images: by a classifier that the doctor never has."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from saddlepoint.core import registry
from saddlepoint.core.contracts import Dataset, Source
from saddlepoint.core.measures import LoadedExtractor


class Eyes:
    """images uint8 [n, h, w, c] -> (features float32 [n, d], classes int64 [n])."""

    def __init__(self, judge: LoadedExtractor) -> None:
        self.judge = judge

    def __call__(self, images: np.ndarray) -> tuple[Tensor, Tensor]:
        seen = self.judge(torch.from_numpy(np.array(images)))
        assert seen.logits is not None
        return seen.vectors, seen.logits.argmax(1)


class StackedEyes(Eyes):
    """Each channel is a digit by itself; the class is the number that the three digits make."""

    def __call__(self, images: np.ndarray) -> tuple[Tensor, Tensor]:
        features, digits = zip(
            *(super(StackedEyes, self).__call__(images[..., [c]]) for c in range(3)), strict=True
        )
        red, green, blue = digits
        return torch.cat(features, 1), 100 * red + 10 * green + blue


def opened(name: str) -> tuple[Source, Dataset, Eyes]:
    """The data of a case and who sees it; of Stacked-MNIST 20,000 triplets."""
    classifier = registry.get("extractor", "classifier")()
    if name == "stacked-mnist":
        source = registry.get("source", name)(n_items=20_000)
        return (
            source,
            source.open(),
            StackedEyes(classifier.load(registry.get("source", "mnist")().open(), "cpu")),
        )
    source = registry.get("source", name)()
    whole = source.open()
    return source, whole, Eyes(classifier.load(whole, "cpu"))
