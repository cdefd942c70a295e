"""Histories for double-sigmoid."""

from __future__ import annotations

from histories._first_checks import correct_loops, early
from saddlepoint.core.history import History


def healthy() -> list[History]:
    return [*correct_loops(), early({"sigmoid_end": 0.0, "expects_logits": 1.0})]


def unhealthy() -> list[History]:
    return [
        early({"sigmoid_end": 1.0, "expects_logits": 1.0}),
        early({"sigmoid_end": 1.0, "expects_logits": [1.0, None, 1.0, 1.0, None, 1.0]}),
    ]
