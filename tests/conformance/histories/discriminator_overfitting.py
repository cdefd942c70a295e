"""Histories for discriminator-overfitting."""

from __future__ import annotations

import numpy as np

from histories._runs import learning, run, traps
from saddlepoint.core.history import History


def healthy() -> list[History]:
    noise = 0.5 + 0.08 * np.sin(np.arange(40) * 1.7)
    return [*traps(), run({"heldout_auc": noise})]


def unhealthy() -> list[History]:
    return [run({"heldout_auc": learning(0.5, 0.95, 4.0)}), run({"heldout_auc": 0.78})]
