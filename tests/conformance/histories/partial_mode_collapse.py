"""Histories for partial-mode-collapse."""

from __future__ import annotations

import numpy as np

from histories._runs import N_BINS, counts, even_bins, run, traps
from saddlepoint.core.history import History


def healthy() -> list[History]:
    seven_of_eight = np.ones((40, 8))
    seven_of_eight[:, 3] = 0
    uneven = even_bins() * (0.6 + 0.8 * (np.arange(N_BINS) % 2))
    grows = np.array([np.arange(N_BINS) < 6 + check // 2 for check in range(40)], dtype=float)
    return [
        *traps(),
        run({"bins": counts(seven_of_eight), "bins_real": [[1 / 8] * 8] * 40}),
        run({"bins": counts(uneven)}),
        run({"bins": counts(grows + 1e-9), "bins_weight": 1 - grows.mean(1)}),
    ]


def unhealthy() -> list[History]:
    loses = even_bins()
    loses[10:, :9] = 1e-9
    three_of_eight = np.ones((40, 8))
    three_of_eight[:, 3:] = 1e-9
    return [
        run({"bins": counts(loses), "bins_weight": 0.45, "coverage": 0.4}),
        run({"bins": counts(three_of_eight), "bins_real": [[1 / 8] * 8] * 40}),
    ]
