"""The judge of bench/quality.py: what `saddle evaluate --features classifier` measures.

10,000 samples against the 10,000 test images of Fashion-MNIST, k = 3, in the features of the
classifier that the 60,000 training images teach (kept in the user's cache, not in bench/).
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from saddlepoint.core.contracts import Dataset
from saddlepoint.core.measures import LoadedExtractor
from saddlepoint.data.sources.mnist import FashionMnist
from saddlepoint.evaluation.arrays import score_features
from saddlepoint.evaluation.extractors.classifier import Classifier

FIGURES = {"precision": "precision", "recall": "recall", "coverage": "coverage", "frechet": "fid"}
"""Name in our results -> name among the numbers of `saddle evaluate`."""


@cache
def judge() -> LoadedExtractor:
    """The classifier, trained now if the cache does not have it yet."""
    return Classifier().load(split("train"), "cpu")


def judge_hash() -> str:
    """sha256 of the classifier's weights: figures of two judges cannot be compared."""
    return str(judge().protocol["sha256"])


@cache
def split(name: str) -> Dataset:
    """The training or the test images."""
    return FashionMnist(split=name).open()  # type: ignore[arg-type]  # train or test


def look(images: np.ndarray) -> tuple[Tensor, Tensor]:
    """uint8 [n, 28, 28, 1] -> features float32 [n, 128], predicted labels int64 [n]."""
    seen = judge()(torch.from_numpy(np.array(images)))
    assert seen.logits is not None
    return seen.vectors, seen.logits.argmax(1)


@cache
def real_features() -> Tensor:
    return look(split("test").images)[0]


def score(images: np.ndarray, labels: np.ndarray | None = None) -> dict[str, float]:
    """All figures for 10,000 samples, uint8 [10000, 28, 28, 1]."""
    vectors, predicted = look(images)
    measured = score_features(real_features(), vectors, k=3)
    figures = {ours: measured[theirs] for ours, theirs in FIGURES.items()}
    if labels is not None:
        figures["label_accuracy"] = (predicted.numpy() == labels).mean().item()
    return figures


def yardstick() -> dict[str, float]:
    """Real training images against the test images, and the judge's accuracy on the latter."""
    figures = score(split("train").images[:10_000])
    test = split("test")
    assert test.labels is not None
    predicted = look(test.images)[1].numpy()
    return {**figures, "judge_accuracy": (predicted == test.labels).mean().item()}


if __name__ == "__main__":
    print({name: round(value, 4) for name, value in yardstick().items()})
