"""Histories for lipschitz-violation."""

from __future__ import annotations

from histories._runs import learning, run, time, traps
from saddlepoint.core.history import History


def healthy() -> list[History]:
    critic = {"loss_family": "wasserstein"}
    clipped = {**critic, "clip_share": learning(0.1, 0.8), "auc": 0.9}
    starts_steep = {**critic, "input_gradient_norm": learning(4.0, 1.2), "penalised": 1}
    other_loss = {"input_gradient_norm": 12.0, "penalised": 1}
    flat = {**critic, "input_gradient_norm": 0.1, "penalised": 1, "auc": 0.5}
    # Held by what cannot be seen from here, such as a spectral norm.
    held = {**critic, "input_gradient_norm": learning(0.3, 1.7)}
    cases = (flat, clipped, starts_steep, other_loss, held)
    return [*traps(), *(run(case) for case in cases)]


def unhealthy() -> list[History]:
    critic = {"loss_family": "wasserstein"}
    bad = {"coverage": 0.0, "nearest_real": 6.0, "bins_weight": 0.6, "auc": 0.9}
    bad |= {"pair_ratio": 0.6}
    return [
        run({**critic, "input_gradient_norm": learning(1.0, 9.0), "penalised": 1}),
        run({**critic, **bad, "input_gradient_norm": 0.1, "penalised": 1}),
        run({**critic, "input_gradient_norm": 10 ** (6 * time())}),
        run({**critic, "input_gradient_norm": 0.1 * 50.0 ** time()}),
        run({**critic, **bad, "clip_share": 0.93}),
        run({**critic, **bad, "clip_share": learning(0.9, 0.03, 30.0), "auc": 0.52}),
    ]
