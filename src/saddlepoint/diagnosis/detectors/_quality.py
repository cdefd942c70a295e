"""How far the fakes are from the data, by whatever columns of diversity a history has."""

from __future__ import annotations

import numpy as np

from saddlepoint.core.findings import Evidence
from saddlepoint.diagnosis.detectors._checks import Checks, entropy, shares

NARROW, WIDE = 0.35, 3.0
"""Spread of the fakes as a share of the data's, outside of which it is not the data's."""
FAR, OFF = 2.5, 0.12
"""Distance of fakes to the data beyond which they are not on it: in nearest distances of real
images, and in distances of two real images. Tight clusters make the first one large, data of
many dimensions the second one; fakes are far where both are."""
WEIGHT = 0.4
"""Share of the data without fakes that is more than a few modes."""


def poor(looks: Checks, coverage: float = 0.1) -> np.ndarray:
    """bool [looks]: hardly a real image has a fake near it, and a second measure agrees.

    Args:
        coverage: least healthy coverage, as a share of what equal distributions have.

    A generator never equals its data, and data in tight clusters gives even good ones a low
    coverage; so one measure alone says little. A look without either measure is not poor.
    """
    with np.errstate(invalid="ignore"):  # NaN, where a column is absent, compares as False
        uncovered = looks["coverage"] < coverage * looks["coverage_null"]
        spread = looks["pair_ratio"]
        agrees = (spread < NARROW) | (spread > WIDE)
        agrees |= (looks["nearest_real"] > FAR) & (looks["off_data"] > OFF)
        agrees |= looks["bins_weight"] - looks["bins_null"] > WEIGHT
    return uncovered & agrees


def off_the_data(looks: Checks) -> np.ndarray:
    """bool [looks]: the fakes lie nowhere on the data: which bin is nearest says nothing."""
    with np.errstate(invalid="ignore"):
        return (looks["nearest_real"] > FAR) & (looks["off_data"] > 2 * OFF)


def still_improves(looks: Checks, k: int, steps: float) -> bool:
    """True when any measure of quality got clearly better over twice the looks and steps given.

    Newer half against older half of the looks: a step of a tenth of the measure's whole range, or
    a fifth of the distance to the data.
    """
    since = looks.window(2 * k, 2 * steps) or 0
    measures = {"coverage": 0.05, "bins_weight": -0.1, "off_data": None}
    for name, step in measures.items():
        values = looks[name][since:]
        values = values[np.isfinite(values)]
        if len(values) < 4:
            continue
        half = len(values) // 2
        older, newer = np.median(values[:half]), np.median(values[half:])
        if step is None and newer < 0.8 * older:
            return True
        if step is not None and (newer - older) * np.sign(step) > abs(step):
            return True
    return False


def effective_bins(counts: np.ndarray) -> np.ndarray:
    """exp(entropy) of rows of counts: in how many bins the fakes lie, were they even."""
    return np.exp(entropy(shares(counts)))


def evidence(looks: Checks) -> tuple[Evidence, ...]:
    """The measures of quality that the last look has."""
    notes = {
        "coverage": ((0.1, None), "share of real images with a fake nearby"),
        "off_data": ((None, None), "distance of fakes to the data, in distances of two reals"),
        "pair_ratio": ((NARROW, WIDE), "spread of the fakes as a share of the data's"),
        "bins_weight": ((None, WEIGHT), "share of the data that no fake looks like"),
    }
    return tuple(
        Evidence(name=name, value=float(looks[name][-1]), healthy=healthy, note=note)
        for name, (healthy, note) in notes.items()
        if np.isfinite(looks[name][-1])
    )
