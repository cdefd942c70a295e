"""Histories for oscillation."""

from __future__ import annotations

import numpy as np

from histories._runs import N_BINS, counts, run, traps
from saddlepoint.core.history import History


def healthy() -> list[History]:
    return traps()


def unhealthy() -> list[History]:
    place = np.arange(N_BINS)
    rotates = np.array([np.exp(-(((place - 3 * t) % N_BINS) ** 2) / 4.0) for t in range(40)])
    jumps = np.array([(place % 4 == t % 4).astype(float) for t in range(40)])
    return [
        run({"bins": counts(rotates + 1e-9), "bins_weight": 0.8}),
        run({"bins": counts(jumps + 1e-9), "bins_weight": 0.75}),
    ]
