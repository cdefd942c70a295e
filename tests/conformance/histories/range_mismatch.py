"""Histories for range-mismatch."""

from __future__ import annotations

from histories._first_checks import correct_loops, early
from saddlepoint.core.history import History


def healthy() -> list[History]:
    dark_batch = {"real_low": -1.0, "real_high": [0.2, 0.3, 0.9, 0.9, 1.0, 1.0]}
    sigmoid = {"reach_low": 0.0, "real_low": 0.0, "fake_low": 0.1, "fake_high": 0.9}
    return [*correct_loops(), early(dark_batch), early(sigmoid)]


def unhealthy() -> list[History]:
    raw = {"reach_low": None, "reach_high": None, "real_low": 0.0, "real_high": 255.0}
    return [
        early({"real_low": 0.0}),
        early({"real_low": 0.0, "real_high": 255.0}),
        early({"reach_low": 0.0}),
        early(raw),
    ]
