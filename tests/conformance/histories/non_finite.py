"""Histories for non-finite."""

from __future__ import annotations

from histories._runs import N_CHECKS, run, traps
from saddlepoint.core.history import History


def healthy() -> list[History]:
    once = [0] * N_CHECKS
    once[5] = once[20] = 1
    return [*traps(), run({"nonfinite": once})]


def unhealthy() -> list[History]:
    lost = [0] * 20 + [1] * 20
    absent = {
        name: [1.0] * 20 + [None] * 20 for name in ("loss_d", "loss_g", "coverage", "pair_ratio")
    }
    at_once = {"nonfinite": [0] * 39 + [1], "weights_lost": [0] * 39 + [1]}
    return [run({"nonfinite": lost}), run({"nonfinite": lost, **absent}), run(at_once)]
