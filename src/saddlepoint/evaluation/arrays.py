"""Measures of arrays that a user has: features, or images of anybody's generator."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from saddlepoint.core.contracts import Dataset, DataSpec
from saddlepoint.core.errors import InputError
from saddlepoint.core.measures import FeatureSet
from saddlepoint.data.fingerprint import fingerprint
from saddlepoint.data.resolve import resolve
from saddlepoint.evaluation.choose import FeatureChoice, choose_extractor
from saddlepoint.evaluation.measure import Settings, evaluate_sets, measure
from saddlepoint.evaluation.sets import subset_of


def score_features(
    real: np.ndarray | Tensor,
    fake: np.ndarray | Tensor,
    k: int = 3,
    n_bootstrap: int = 0,
    seed: int = 0,
    device: str = "cpu",
) -> dict[str, float]:
    """FID, KID, precision, recall, density, coverage and more of given features.

    Args:
        real, fake: [n, d] and [m, d], any float type; at least k + 1 rows each.
        n_bootstrap: resamplings; above 0 each number `x` gets `x_low` and `x_high`, its 95 % ends.

    Raises:
        InputError: not two matrices of one width, too few rows, a value that is not finite, or a
            bad setting.
    """
    settings = Settings(k=k, seed=seed, n_bootstrap=n_bootstrap, device=device)
    a, b = _matrix(real, "real", k), _matrix(fake, "fake", k)
    if a.shape[1] != b.shape[1]:
        raise InputError(
            f"real has {a.shape[1]} features and fake has {b.shape[1]}; both must come from the "
            "same extractor."
        )
    comparison = settings.comparison(FeatureSet(vectors=a), FeatureSet(vectors=b))
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
    """As `score_features`, of images.

    Args:
        real, fake: a data set's name, a path, or an array uint8 [n, h, w, c].
        features: as `saddle evaluate --features`, or an extractor such as
            `DinoV2(size="base")`, or a torch module that makes floats [n, d] of float32
            [n, c, h, w] in [-1, 1].
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
        raise InputError(f"Row {row} of {name} is not finite; look for NaN where it was made.")
    return matrix.float()


def _dataset(images: str | np.ndarray, name: str) -> Dataset:
    if isinstance(images, str):
        return resolve(images).open()
    array = np.asarray(images)
    if array.dtype != np.uint8 or array.ndim != 4 or array.shape[3] not in (1, 3) or not len(array):
        raise InputError(
            f"{name} is {array.dtype} {list(array.shape)}, but images must be uint8 [n, h, w, c] "
            "with c = 1 or 3."
        )
    if array.shape[1] != array.shape[2]:
        raise InputError(f"{name} has images of {array.shape[1]} x {array.shape[2]}; crop them.")
    spec = DataSpec(shape=(array.shape[3], array.shape[1], array.shape[2]))
    mark = fingerprint(spec, array, None)
    return Dataset(name=name, spec=spec, images=array, labels=None, fingerprint=mark)
