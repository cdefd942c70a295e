"""Histories for real-fake-leak."""

from __future__ import annotations

from histories._first_checks import correct_loops, early
from saddlepoint.core.history import History


def healthy() -> list[History]:
    digits = {"leak_border": [0.1, 0.4, 0.6, 0.5, 0.3, 0.3]}
    return [*correct_loops(), early(digits), early({"leak_noise": [0.3, 0.3, 0.0, 0.0, 0.0, 0.0]})]


def unhealthy() -> list[History]:
    return [
        early({"frame_alone": 2.0, "leak_border": [0.1, 0.5, 0.9, 1.0, 1.0, 1.0]}),
        early({"frame_alone": 1.0, "leak_border": 0.0}),
        early({"leak_noise": [0.0, 0.1, 0.3, 0.4, 0.45, 0.45]}),
    ]
