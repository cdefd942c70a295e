"""Histories for batch-norm-with-gradient-penalty."""

from __future__ import annotations

from histories._first_checks import correct_loops, early
from saddlepoint.core.history import History


def healthy() -> list[History]:
    return [*correct_loops(), early({"penalised": 1.0, "batch_norm_d": 0.0, "batch_effect": 0.0})]


def unhealthy() -> list[History]:
    graph = {"penalty_graph": 1.0, "penalty_cosine": 1.0}
    return [early({"penalised": 1.0, **graph}), early({"penalised": 1.0, "batch_effect": None})]
