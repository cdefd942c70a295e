"""Histories for wrong-gradient-penalty."""

from __future__ import annotations

from histories._first_checks import correct_loops, early
from saddlepoint.core.history import History


def healthy() -> list[History]:
    rounded = {"penalised": 1.0, "penalty_graph": 1.0, "penalty_cosine": 0.998}
    return [*correct_loops(), early({**rounded, "batch_norm_d": 0.0})]


def unhealthy() -> list[History]:
    axis = {"penalised": 1.0, "penalty_graph": 1.0, "penalty_cosine": 0.83}
    right = {"penalty_right": [1.0, 9.0, 80.0, 200.0, 300.0, 300.0]}
    return [
        early({**axis, **right, "batch_norm_d": 0.0}),
        early({"penalised": 1.0, "penalty_graph": 0.0, "batch_norm_d": 0.0}),
    ]
