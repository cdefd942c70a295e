"""Histories for condition-ignored."""

from __future__ import annotations

from histories._runs import learning, run, traps
from saddlepoint.core.history import History


def healthy() -> list[History]:
    weak_start = {"label_effect": learning(0.05, 1.0, 3.0)}
    # Tight classes that are learnt late: varied within a label, but the label has its effect.
    tight = {"label_effect": learning(0.3, 10.0), "label_diversity": learning(14.0, 2.0)}
    late = {"label_agreement": learning(0.0, 0.8, 3.0)}
    hardly_visible = {"label_effect": 0.3, "label_agreement": None}
    return [*traps(), run(weak_start), run(tight), run(late), run(hardly_visible)]


def unhealthy() -> list[History]:
    forgets = {"label_effect": learning(0.8, 0.03, 8.0)}
    varied = {"label_effect": 0.27, "label_diversity": 75.0, "latent_effect": 45.0}
    at_random = {"label_effect": 0.25, "label_agreement": 0.02}
    return [run(forgets), run({"label_effect": 0.06}), run(varied), run(at_random)]
