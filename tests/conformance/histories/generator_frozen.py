"""Histories for generator-frozen."""

from __future__ import annotations

from histories._first_checks import correct_loops, early
from saddlepoint.core.history import History


def healthy() -> list[History]:
    flat = [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]
    for_a_while = early({"flat_share": flat, "update_ratio_g": [0.01, 0.01, 0.0, 0.0, 0.01, 0.01]})
    now_and_then = early({"steps_g": [1.0, 0.0, 1.0, 4.0, 6.0, 8.0]})
    return [*correct_loops(), for_a_while, now_and_then]


def unhealthy() -> list[History]:
    still = {"update_ratio_g": 0.0}
    return [
        early({**still, "missing_gradient_g": 1.0}),
        early({**still, "held_g": 0.0, "missing_gradient_g": 0.0}),
        early(still),
        early({"steps_g": 0.0, "update_ratio_g": None, "missing_gradient_g": None}),
    ]
