"""Histories for learning-rate-too-high."""

from __future__ import annotations

from histories._first_checks import correct_loops, early
from histories._runs import run
from saddlepoint.core.history import History


def healthy() -> list[History]:
    first_step = {"update_ratio_d": [0.4, 0.06, 0.03, 0.02, 0.01, 0.01]}
    rms_prop = {"update_ratio_d": [0.17, 0.09, 0.05, 0.04, 0.04, 0.04]}
    return [*correct_loops(), early(first_step), early(rms_prop)]


def unhealthy() -> list[History]:
    return [
        early({"update_ratio_d": [1.2, 0.7, 0.3, 0.1, 0.06, 0.05]}),
        early({"update_ratio_d": [0.72, 0.35, 0.02, 0.004, 0.003, 0.003]}),
        early({"update_ratio_g": [0.9, 0.6, 0.4, 0.2, 0.1, 0.1]}),
        run({"update_ratio_g": [0.4, *[0.02] * 39], "coverage": 0.0, "nearest_real": 6.0}),
    ]
