"""Histories for discriminator-frozen."""

from __future__ import annotations

from histories._first_checks import correct_loops, early
from saddlepoint.core.history import History


def healthy() -> list[History]:
    satisfied = early(
        {
            "update_ratio_d": [0.01, 0.01, 0.01, 0, 0, 0],
            "logit_gradient_sign_real_d": [1.0] * 3 + [None] * 3,
        }
    )
    now_and_then = early({"steps_d": [1.0, 0.0, 7.0, 5.0, 0.0, 9.0]})
    return [*correct_loops(), satisfied, now_and_then]


def unhealthy() -> list[History]:
    still = {"update_ratio_d": 0.0}
    return [
        early({**still, "missing_gradient_d": 1.0}),
        early({**still, "held_d": 0.0, "missing_gradient_d": 0.0}),
        early(still),
        early({"steps_d": 0.0, "update_ratio_d": None, "missing_gradient_d": None}),
    ]
