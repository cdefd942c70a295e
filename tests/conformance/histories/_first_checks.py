"""Histories of the first checks, at which the wiring is measured: a correct loop, and changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from saddlepoint.core.history import History

FIRST = (1, 3, 10, 30, 60, 100)
"""Generator steps of the first checks."""


def early(changes: Mapping[str, Any] | None = None) -> History:
    """A correct DCGAN with logits, checked six times within 100 steps of 64 images.

    Args:
        changes: column -> one value, one value a check, or None for a column that is absent.
    """
    columns: dict[str, Any] = {
        "auc": [0.6, 0.9, 0.99, 0.99, 0.97, 0.95],
        "real_logit": [0.1, 0.5, 2.0, 2.2, 1.5, 1.2],
        "fake_logit": [0.0, -0.4, -2.0, -2.1, -1.4, -1.1],
        "logit_spread": 0.5,
        "loss_d": [1.39, 1.1, 0.4, 0.4, 0.6, 0.7],
        "loss_g": [0.7, 0.9, 2.1, 2.2, 1.6, 1.4],
        "update_ratio_d": [0.012, 0.009, 0.006, 0.005, 0.004, 0.004],
        "update_ratio_g": [0.012, 0.009, 0.006, 0.005, 0.004, 0.004],
        "real_low": -1.0,
        "real_high": 1.0,
        "fake_low": [-0.2, -0.3, -0.6, -0.9, -1.0, -1.0],
        "fake_high": [0.2, 0.3, 0.6, 0.9, 1.0, 1.0],
        "reach_low": -1.0,
        "reach_high": 1.0,
        "sigmoid_end": 0.0,
        "flat_share": 0.0,
        "logit_gradient_sign_real_d": 1.0,
        "logit_gradient_sign_fake_d": -1.0,
        "logit_gradient_sign_fake_g": 1.0,
        "mixed_batch": 0.0,
        "batch_norm_d": 2.0,
        "batch_effect": 0.3,
        "penalised": 0.0,
        "steps_d": [1.0, 2.0, 7.0, 20.0, 30.0, 40.0],
        "steps_g": [1.0, 2.0, 7.0, 20.0, 30.0, 40.0],
        "held_d": 1.0,
        "held_g": 1.0,
        "shared_parameters": 0.0,
        "d_moved_in_g_step": 0.0,
        "g_moved_in_d_step": 0.0,
        "stale_gradient_d": [None, 0.0, 0.0, 0.0, 0.0, 0.0],
        "stale_gradient_g": 0.0,
        "missing_gradient_d": 0.0,
        "missing_gradient_g": 0.0,
        "leak_noise": 0.0,
        "leak_border": [0.1, 0.2, 0.05, 0.1, 0.1, 0.1],
        "frame_alone": 0.0,
        "eval_mode_d": 0.0,
        "eval_mode_g": 0.0,
        "eval_gap": [1.5, 1.0, 0.5, 0.2, 0.15, 0.1],
        "stale_statistics": 0.0,
        **(changes or {}),
    }
    rows = []
    for check, step in enumerate(FIRST):
        row: dict[str, Any] = {"images": 64 * step, "step": step}
        for name, values in columns.items():
            value = values[check] if isinstance(values, list) else values
            if value is not None:
                row[name] = value
        rows.append(row)
    return History(rows)


def correct_loops() -> list[History]:
    """Loops with nothing wrong, of several losses."""
    wasserstein = {
        "batch_norm_d": 0.0,
        "penalised": 1.0,
        "penalty_graph": 1.0,
        "penalty_cosine": 1.0,
        "penalty_right": [0.9, 0.8, 0.3, 0.1, 0.05, 0.04],
        "real_logit": [0.1, 1.0, 9.0, 25.0, 40.0, 60.0],
        "fake_logit": [0.0, -1.0, -9.0, -25.0, -40.0, -60.0],
        "steps_d": [5.0, 10.0, 35.0, 100.0, 150.0, 200.0],
    }
    clipped = {
        "batch_norm_d": 0.0,
        "update_ratio_d": [0.12, 0.05, 0.03, 0.02, 0.01, 0.01],
        "real_logit": 0.004,
        "fake_logit": 0.003,
    }
    probabilities = {
        "sigmoid_end": 1.0,
        "expects_logits": 0.0,
        "real_logit": 0.7,
        "fake_logit": 0.3,
    }
    labels_flipped = {
        "logit_gradient_sign_real_d": -1.0,
        "logit_gradient_sign_fake_d": 1.0,
        "logit_gradient_sign_fake_g": -1.0,
    }
    images_only = ("reach_low", "reach_high", "leak_noise", "leak_border", "frame_alone")
    points = {**dict.fromkeys(images_only), "real_low": -4.2, "real_high": 4.2}
    points |= {"batch_norm_d": 0.0, "batch_effect": 0.0}
    content = {
        "logit_gradient_sign_real_d": [1.0, 1.0, 1.0, None, None, None],
        "update_ratio_d": [0.01] * 5 + [0],
    }
    changes = ({}, wasserstein, clipped, probabilities, labels_flipped, points, content)
    return [early(change) for change in changes]
