"""Histories for train-eval-mismatch."""

from __future__ import annotations

from histories._first_checks import correct_loops, early
from saddlepoint.core.history import History


def healthy() -> list[History]:
    start = {"eval_gap": [4.0, 3.0, 2.0, 1.5, 1.2, 1.0]}
    averaged = {"eval_gap": 3.0, "averaged": 1.0}
    return [*correct_loops(), early(start), early(averaged)]


def unhealthy() -> list[History]:
    long = early({"eval_gap": 2.0})
    late = [{**row, "step": row["step"] + 1000} for row in long.rows]
    return [
        early({"eval_mode_g": [0.0, 0.0, 1.0, 1.0, 1.0, 1.0]}),
        early({"eval_mode_d": 1.0}),
        early({"stale_statistics": 1.0}),
        History(late),
    ]
