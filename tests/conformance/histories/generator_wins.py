"""Histories for generator-wins."""

from __future__ import annotations

from histories._runs import run, traps
from saddlepoint.core.history import History


def healthy() -> list[History]:
    return traps()


def unhealthy() -> list[History]:
    bad = {"coverage": 0.02, "pair_ratio": 0.5, "nearest_real": 5.0, "bins_weight": 0.7}
    bad |= {"loss_d": 8.0, "loss_g": 0.001, "real_logit": -2.0, "fake_logit": 7.0}
    return [run({**bad, "auc": 0.03}), run({**bad, "auc": 0.15, "coverage": 0.05})]
