"""Round numbers along an axis, and how they are written."""

from __future__ import annotations

import math


def ticks(low: float, high: float, most: int = 7) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten in [low, high], at most `most` of them."""
    if not high > low:
        return [low]
    step = 10.0 ** math.floor(math.log10((high - low) / most))
    for factor in (1, 2, 5, 10):
        first, last = (
            math.ceil(low / (factor * step) - 1e-9),
            math.floor(high / (factor * step) + 1e-9),
        )
        if last - first < most:
            break
    return [factor * step * i for i in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten in [low, high], with 2 and 5 times them where there are few."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1,), (1, 3), (1, 2, 5)):
        found = [f * 10.0**p for p in powers for f in factors]
        found = [value for value in found if low * 0.999 <= value <= high * 1.001]
        if len(found) >= 3:
            break
    return found[:: max(1, len(found) // 7)]


def written(value: float) -> str:
    """3 digits at most, without exponents as long as that is short: 0.001, 20,000."""
    if value == 0 or abs(value) < 1e-12:
        return "0"
    if 1e-4 <= abs(value) < 1e7:
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{value:.2g}"
