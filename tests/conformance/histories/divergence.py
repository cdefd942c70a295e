"""Histories for divergence."""

from __future__ import annotations

import numpy as np

from histories._runs import learning, run, time, traps
from saddlepoint.core.history import History


def healthy() -> list[History]:
    spikes = np.full(40, 0.6)
    spikes[[9, 21, 33]] = 200.0
    grows = {"real_logit": 1.0 + 40.0 * time(), "fake_logit": -1.0 - 40.0 * time()}
    comes = {"off_data": learning(20.0, 0.1)}
    return [*traps(), run({"grad_norm_d": spikes}), run({**grows, "auc": 0.999}), run(comes)]


def unhealthy() -> list[History]:
    late = np.maximum(0.0, time() - 0.4)
    critic = {"real_logit": 10 ** (8 * late), "fake_logit": -(10 ** (8 * late))}
    critic |= {"grad_norm_d": 0.6 * 10 ** (7 * late), "loss_d": -2 * 10 ** (8 * late)}
    ruined = {"coverage": np.where(late > 0.1, 0.0, learning(0.0, 0.7))}
    ruined |= {"nearest_real": np.where(late > 0.1, 30.0, 1.3)}
    blind = {"coverage": None, "nearest_real": None, "bins_weight": None, "pair_ratio": None}
    gone = {"off_data": 8.0 + 3.0 * np.sin(60 * time()), "coverage": 0.0, "auc": 0.6}
    return [run({**critic, **ruined}), run({**critic, **blind}), run(gone)]
