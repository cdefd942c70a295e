"""Histories for broken-resume."""

from __future__ import annotations

from histories._first_checks import correct_loops, early
from saddlepoint.core.history import History


def healthy() -> list[History]:
    resumed = {"net_age": [5000.0] + [None] * 5, "optimizer_age": [0.33] + [None] * 5}
    warmed_up = {"net_age": [3.0] + [None] * 5, "optimizer_age": [0.0] + [None] * 5}
    return [*correct_loops(), early(resumed), early(warmed_up)]


def unhealthy() -> list[History]:
    return [early({"net_age": [900.0] + [None] * 5, "optimizer_age": [0.0] + [None] * 5})]
