"""Rank correlation."""

from __future__ import annotations

import numpy as np


def spearman(a: np.ndarray, b: np.ndarray) -> float | None:
    """Spearman's, in [-1, 1], of numbers without ties; None where one of the two does not move."""
    if len(a) < 3 or len(np.unique(a)) < 2 or len(np.unique(b)) < 2:
        return None
    first, second = (np.argsort(np.argsort(values)) - (len(a) - 1) / 2 for values in (a, b))
    return float((first * second).sum() / np.sqrt((first**2).sum() * (second**2).sum()))
