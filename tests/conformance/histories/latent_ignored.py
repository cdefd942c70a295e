"""Histories for latent-ignored."""

from __future__ import annotations

from histories._runs import learning, run, traps
from saddlepoint.core.history import History


def healthy() -> list[History]:
    return traps()


def unhealthy() -> list[History]:
    loses = {"latent_effect": learning(0.8, 0.02, 8.0), "label_diversity": 0.03}
    loses |= {"label_effect": 30.0, "duplicates": 0.8, "pair_ratio": 0.9, "rke_ratio": 0.4}
    return [run(loses), run({**loses, "latent_effect": 0.05, "label_effect": 15.0})]
