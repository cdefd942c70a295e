"""Histories for saturated-loss."""

from __future__ import annotations

from histories._first_checks import correct_loops, early
from saddlepoint.core.history import History


def healthy() -> list[History]:
    briefly = {"flat_share": [0.0, 1.0, 1.0, 0.4, 0.0, 0.0]}
    return [*correct_loops(), early(briefly), early({"flat_share": 0.6})]


def unhealthy() -> list[History]:
    return [
        early({"flat_share": [0.0, 0.2, 0.9, 1.0, 1.0, 1.0], "sigmoid_end": 1.0}),
        early({"flat_share": 1.0, "sigmoid_end": 1.0, "update_ratio_g": 0.0}),
    ]
