"""Histories for memorisation."""

from __future__ import annotations

from histories._runs import learning, run, traps
from saddlepoint.core.history import History


def healthy() -> list[History]:
    return [*traps(), run({"train_closeness": 0.15, "nearest_real": 0.85})]


def unhealthy() -> list[History]:
    copies = {"train_closeness": learning(0.0, 0.9, 5.0), "nearest_real": 0.2}
    return [run(copies), run({"train_closeness": 0.7, "nearest_real": 0.4})]
