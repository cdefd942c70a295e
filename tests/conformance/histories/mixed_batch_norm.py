"""Histories for mixed-batch-norm."""

from __future__ import annotations

from histories._first_checks import correct_loops, early
from saddlepoint.core.history import History


def healthy() -> list[History]:
    return [*correct_loops(), early({"mixed_batch": 1.0, "batch_norm_d": 0.0})]


def unhealthy() -> list[History]:
    return [early({"mixed_batch": 1.0})]
