"""Histories for weak-discriminator."""

from __future__ import annotations

from histories._runs import run, traps
from saddlepoint.core.history import History


def healthy() -> list[History]:
    return traps()


def unhealthy() -> list[History]:
    blob = {"auc": 0.52, "coverage": 0.08, "nearest_real": 4.0, "off_data": 0.9}
    blob |= {"loss_d": 1.38, "loss_g": 0.7, "real_logit": 0.01, "fake_logit": -0.01}
    return [run(blob), run({**blob, "auc": 0.56, "coverage": 0.12})]
