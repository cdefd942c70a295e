"""Histories for optimizer-mixup."""

from __future__ import annotations

from histories._first_checks import correct_loops, early
from saddlepoint.core.history import History


def healthy() -> list[History]:
    once = {"stale_gradient_d": [None, 0.4, 0.0, 0.0, 0.0, 0.0]}
    return [*correct_loops(), early(once)]


def unhealthy() -> list[History]:
    return [
        early({"shared_parameters": 12.0, "d_moved_in_g_step": 0.3}),
        early({"g_moved_in_d_step": 0.2}),
        early({"stale_gradient_d": [None, 0.3, 0.6, 0.9, 0.95, 0.97]}),
        early({"stale_gradient_g": 0.5}),
    ]
