"""Histories for discriminator-wins."""

from __future__ import annotations

from typing import Any

import numpy as np

from histories._runs import learning, run, traps
from saddlepoint.core.history import History


def healthy() -> list[History]:
    strict = {"auc": 0.98, "coverage": 0.05, "nearest_real": 1.5}
    return [*traps(), run(strict)]


def unhealthy() -> list[History]:
    never: dict[str, Any] = {
        "auc": 1.0,
        "coverage": 0.0,
        "pair_ratio": 0.25,
        "nearest_real": 6.0,
    }
    never |= {"bins_weight": 0.85, "rke_ratio": 0.3, "loss_d": 1e-4}
    never |= {"real_logit": 9.0, "fake_logit": -11.0, "loss_g": 11.0}
    narrow = np.zeros((40, 20))
    narrow[:, :3] = 1.0
    never["bins"] = [[86, 85, 85, *[0] * 17]] * 40
    falls = {name: np.where(np.arange(40) < 15, 0.8, 1.0) for name in ("auc",)}
    falls |= {"coverage": np.where(np.arange(40) < 15, learning(0.0, 0.75), 0.0)}
    falls |= {"nearest_real": np.where(np.arange(40) < 15, 1.3, 7.0)}
    nearly = {**never, "auc": 0.98, "pair_ratio": 0.65}
    return [run(never), run({**never, **falls}), run(nearly)]
