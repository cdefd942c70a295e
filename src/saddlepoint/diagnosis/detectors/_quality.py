"""How far the fakes are from the data, by whatever columns of quality a history has."""

from __future__ import annotations

import numpy as np

from saddlepoint.core.findings import Evidence
from saddlepoint.diagnosis.detectors._checks import Checks, halves

# Set on the tuning half of the histories (bench/doctor/evaluate.py), as the detectors' thresholds.
NARROW, WIDE = 0.35, 3.0
"""Healthy spread of the fakes, as a share of the data's spread."""
FAR, OFF = 2.5, 0.12
"""Distances beyond which fakes do not lie on the data: in nearest-neighbour distances of real
images, and in distances of two real images. Tight clusters inflate the first one, data of many
dimensions the second one, so fakes are far only where both are exceeded."""
WEIGHT = 0.4
"""Share of the data without fakes that is more than a few modes."""


def poor(checks: Checks, coverage: float = 0.1) -> np.ndarray:
    """bool [checks]: few real images have a fake near them, and a second measure agrees.

    Args:
        coverage: least healthy coverage, as a share of what equal distributions have.

    A generator never equals its data, and data in tight clusters gives even good ones a low
    coverage, so one measure alone says little. A check without either measure is not poor.
    """
    # Relative to equal distributions, which cover less than everything with so few probes.
    uncovered = checks["coverage"] < coverage * checks["coverage_null"]
    spread = checks["pair_ratio"]
    # Any one of three: too narrow or too wide, off the data, or whole parts of it without fakes.
    agrees = (spread < NARROW) | (spread > WIDE)
    agrees |= (checks["nearest_real"] > FAR) & (checks["off_data"] > OFF)
    agrees |= checks["bins_weight"] - checks["bins_null"] > WEIGHT
    return uncovered & agrees


def off_the_data(checks: Checks) -> np.ndarray:
    """bool [checks]: the fakes lie nowhere on the data, so their nearest bin means nothing."""
    return (checks["nearest_real"] > FAR) & (checks["off_data"] > 2 * OFF)


def still_improves(checks: Checks, k: int, steps: float) -> bool:
    """Whether any measure of quality became clearly better over twice these checks and steps."""
    since = checks.window(2 * k, 2 * steps) or 0
    measures = [halves(checks[name][since:]) for name in ("coverage", "bins_weight", "off_data")]
    coverage, bins_weight, off_data = measures
    # A change of 0.05 or 0.1 of a share is beyond the noise of 256 probes; a distance has no fixed
    # scale, so it must fall by a fifth.
    return (
        (coverage is not None and coverage[1] - coverage[0] > 0.05)
        or (bins_weight is not None and bins_weight[0] - bins_weight[1] > 0.1)
        or (off_data is not None and off_data[1] < 0.8 * off_data[0])
    )


def evidence(checks: Checks, besides: str = "") -> tuple[Evidence, ...]:
    """The measures of quality that the last check has, without the one already mentioned."""
    found = checks.known(
        checks.evidence("coverage", low=0.1),
        checks.evidence("off_data"),
        checks.evidence("pair_ratio", NARROW, WIDE),
        checks.evidence("bins_weight", high=WEIGHT),
    )
    return tuple(item for item in found if item.name != besides)
