"""Histories for complete-mode-collapse."""

from __future__ import annotations

from histories._runs import learning, run, traps
from saddlepoint.core.history import History


def healthy() -> list[History]:
    return traps()


def unhealthy() -> list[History]:
    falls = learning(0.9, 0.02, 8.0)
    one_bin = [[250, 6, *[0] * 18]] * 40
    shared = {"coverage": 0.9 * falls, "bins": one_bin, "bins_weight": 0.93}
    shared |= {"duplicates": 0.9}
    return [
        run({**shared, "pair_ratio": falls, "rke_ratio": falls}),
        run({**shared, "pair_ratio": 0.01, "rke_ratio": 0.05, "auc": 0.7}),
    ]
