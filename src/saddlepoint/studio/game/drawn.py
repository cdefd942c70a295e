"""Points that a user drew, or the outline of a picture, as a distribution that is known exactly."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np

from saddlepoint.core.errors import InputError
from saddlepoint.data.sources.mixtures import Mixture

MOST_POINTS = 400
"""That can be drawn: they travel in the URL."""
FEWEST_POINTS = 3


@cache
def points_from(text: str) -> np.ndarray:
    """base64url of two bytes a point -> float64 [n, 2] in [-1.28, 1.27]; "" has none.

    Raises:
        InputError: no such text, or too many points.
    """
    try:
        # The decoder must not skip foreign letters: equal points have equal texts.
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        raw = base64.b64decode(padded, altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise InputError("The points must be base64url text of two bytes a point.") from None
    if len(raw) % 2 or len(raw) > 2 * MOST_POINTS:
        raise InputError(f"The points must be two bytes each, for at most {MOST_POINTS} points.")
    return (np.frombuffer(raw, np.uint8).reshape(-1, 2).astype(np.float64) - 128) / 100


@dataclass(frozen=True, kw_only=True)
class Drawn(Mixture):
    """A normal distribution around each point that was drawn, all of equal weight."""

    kind: ClassVar[str] = "drawn"
    std: float = 0.03
    """Standard deviation around each point, per axis: the width of the pen."""
    points: str
    """As in the URL."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(points_from(self.points)) < FEWEST_POINTS:
            raise InputError(f"Draw at least {FEWEST_POINTS} points, then play.")

    def centres(self) -> np.ndarray:
        # A point that was drawn twice counts once.
        return np.unique(points_from(self.points), axis=0)
