"""How a setting moves from its first to its last value over a run."""

from __future__ import annotations

import math


def along_cosine(first: float, last: float, done: float) -> float:
    """The value when `done` of the way is behind: `first` at 0 and `last` from 1 on, level at both
    ends."""
    return last + (first - last) * (1 + math.cos(math.pi * min(1.0, max(0.0, done)))) / 2
