"""Measures of a user's own arrays: features, or images of any generator."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from saddlepoint.core.contracts import Dataset
from saddlepoint.core.errors import InputError
from saddlepoint.core.measures import Comparison, FeatureSet, Settings
from saddlepoint.data.arrays import image_dataset
from saddlepoint.data.resolve import resolve
from saddlepoint.evaluation.choose import FeatureChoice, choose_extractor
from saddlepoint.evaluation.measure import evaluate_sets, measure
from saddlepoint.evaluation.memory import require_memory_for_measures
from saddlepoint.evaluation.sets import subset_of


def score_features(
    real: np.ndarray | Tensor,
    fake: np.ndarray | Tensor,
    k: int = 3,
    n_bootstrap: int = 0,
    seed: int = 0,
    device: str = "cpu",
) -> dict[str, float]:
    """FID, KID, precision, recall, density, coverage and more, computed from features.

    Args:
        real, fake: [n, d] and [m, d], any float type; at least k + 1 rows each.
        n_bootstrap: resamples; above 0, `x_low` and `x_high` are the ends of the 95 % interval of
            a number `x`.

    Raises:
        InputError: not two matrices of one width, too few rows, a value that is not finite, or a
            setting out of range.
    """
    settings = Settings(k=k, seed=seed, n_bootstrap=n_bootstrap, device=device)
    a, b = _matrix(real, "real", k), _matrix(fake, "fake", k)
    if a.shape[1] != b.shape[1]:
        raise InputError(
            f"The real set has {a.shape[1]} features and fake has {b.shape[1]}; both must come "
            "from the same extractor."
        )
    require_memory_for_measures(len(a), len(b), 0, a.shape[1], settings)
    comparison = Comparison(
        real=FeatureSet(vectors=a), fake=FeatureSet(vectors=b), **vars(settings)
    )
    found: dict[str, float] = {}
    for name, number in measure(comparison)[0].items():
        found[name] = number["value"]
        if number["interval"] is not None:
            found[f"{name}_low"], found[f"{name}_high"] = number["interval"]
    return found


def score_images(
    real: str | np.ndarray,
    fake: str | np.ndarray,
    features: FeatureChoice = "auto",
    n: int | None = 10_000,
    k: int = 3,
    n_bootstrap: int = 0,
    seed: int = 0,
    device: str = "cpu",
) -> dict[str, float]:
    """As `score_features`, for images.

    Args:
        real, fake: a data set's name, a path, or an array uint8 [n, h, w, c].
        features: as `saddle evaluate --features`, or an extractor such as
            `DinoV2(size="base")`, or a torch module that maps float32 [n, c, h, w] in [-1, 1] to
            floats [n, d].
        n: images of each set, at most; None for all.

    Raises:
        InputError: a set that cannot be read, or sets that cannot be compared.
    """
    real_data, fake_data = _dataset(real, "real"), _dataset(fake, "fake")
    extractor, _ = choose_extractor(features, real_data, device)
    done = evaluate_sets(
        subset_of(real_data, n, seed, {}),
        subset_of(fake_data, n, seed, {}),
        extractor,
        Settings(k=k, seed=seed, n_bootstrap=n_bootstrap, device=device),
    )
    return {name: number["value"] for name, number in done.document["values"].items()}


def _matrix(values: np.ndarray | Tensor, name: str, k: int) -> Tensor:
    matrix = torch.as_tensor(values).detach().cpu()
    if matrix.dim() != 2 or not matrix.is_floating_point():
        raise InputError(
            f"{name} is {matrix.dtype} {list(matrix.shape)}, but features must be floats [n, d]."
        )
    if len(matrix) < k + 1:
        raise InputError(
            f"{name} has {len(matrix)} row(s), and k = {k} neighbours need at least {k + 1}."
        )
    finite = torch.isfinite(matrix).all(1)
    if not finite.all():
        row = int((~finite).nonzero()[0])
        raise InputError(f"Row {row} of {name} is not finite; look for NaN where it was computed.")
    return matrix.float()


def _dataset(images: str | np.ndarray, name: str) -> Dataset:
    if isinstance(images, str):
        return resolve(images).open()
    return image_dataset(name, np.asarray(images), None)
