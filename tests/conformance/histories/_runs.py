"""Example histories: a healthy run, and changes of it. Noise is drawn from a fixed seed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from saddlepoint.core.history import History

N_CHECKS, EVERY, N_BINS, N_PROBES = 40, 100, 20, 256


def time(n_checks: int = N_CHECKS) -> np.ndarray:
    """float64 [checks] from just above 0 to 1."""
    return np.arange(1, n_checks + 1) / n_checks


def learning(start: float, end: float, speed: float = 10.0, n_checks: int = N_CHECKS) -> np.ndarray:
    """float64 [checks]: from a start to an end as nets learn, fast at first."""
    return end + (start - end) * np.exp(-speed * time(n_checks))


def counts(weights: np.ndarray, seed: int = 0) -> list[list[int]]:
    """Bins of N_PROBES fakes for rows of weights [checks, bins]."""
    draw = np.random.Generator(np.random.PCG64(seed))
    return [draw.multinomial(N_PROBES, row / row.sum()).tolist() for row in weights]


def even_bins(n_checks: int = N_CHECKS) -> np.ndarray:
    """Weights of a generator that is narrow at first and has every bin after a few checks."""
    narrow = np.exp(-np.arange(N_BINS) / 2.0)
    return np.array([narrow**share for share in learning(1.0, 0.0, 12.0, n_checks)])


def run(changes: Mapping[str, Any] | None = None, n_checks: int = N_CHECKS) -> History:
    """A healthy run of the non-saturating loss, a check every 100 steps of 64 images.

    Args:
        changes: column -> one value, one value a check, or None for a column that is absent.
    """
    draw = np.random.Generator(np.random.PCG64(7))
    columns: dict[str, Any] = {
        **_numbers(n_checks),
        "bins": counts(even_bins(n_checks)),
        "bins_real": [[1 / N_BINS] * N_BINS] * n_checks,
        **(changes or {}),
    }
    rows: list[dict[str, Any]] = []
    for check in range(n_checks):
        row: dict[str, Any] = {"images": 64 * EVERY * (check + 1), "step": EVERY * (check + 1)}
        for name, values in columns.items():
            value = values[check] if isinstance(values, list | np.ndarray) else values
            if isinstance(value, float):  # numpy's floats are floats
                noise = 1 + 0.03 * draw.standard_normal()
                # A probability near 1 is noisy in what it lacks.
                is_probability = name.endswith("auc")
                value = 1 - (1 - float(value)) * noise if is_probability else float(value) * noise
            if value is not None:
                row[name] = value
        rows.append(row)
    return History(rows)


def _numbers(n_checks: int) -> dict[str, Any]:
    def becomes(start: float, end: float) -> np.ndarray:
        return learning(start, end, n_checks=n_checks)

    return {
        "loss_family": "non-saturating",
        "loss_d": becomes(0.5, 1.0),
        "loss_g": becomes(2.0, 1.1),
        "real_logit": becomes(2.0, 0.9),
        "fake_logit": becomes(-2.0, -0.8),
        "logit_spread": 1.0,
        "auc": becomes(0.99, 0.85),
        "nonfinite": 0,
        "grad_norm_d": 0.6,
        "grad_norm_g": 0.4,
        "update_ratio_d": 2e-3,
        "update_ratio_g": 2e-3,
        "clip_share": 1e-4,
        "input_gradient_norm_fake": 0.9,
        "heldout_auc": 0.51,
        "pair_ratio": becomes(0.2, 0.96),
        "rke_ratio": becomes(0.3, 0.93),
        "duplicates": becomes(0.6, 0.015),
        "coverage": becomes(0.0, 0.75),
        "coverage_null": 0.96,
        "nearest_real": becomes(4.0, 1.15),
        "off_data": becomes(0.8, 0.3),
        "train_closeness": 0.01,
        "bins_weight": becomes(0.9, 0.03),
        "bins_null": 0.01,
        "label_diversity": becomes(0.2, 0.9),
        "label_agreement": becomes(0.0, 0.9),
        "latent_effect": becomes(0.2, 0.9),
        "label_effect": becomes(0.2, 1.1),
        "eval_gap": 0.05,
    }


def traps() -> list[History]:
    """Healthy runs that seem unhealthy to a threshold on a loss, or for a while."""
    t = time()
    dip = np.ones(N_CHECKS)
    dip[15:18] = 0.05
    strong = {
        "auc": learning(1.0, 0.9995),
        "loss_d": learning(0.3, 0.003),
        "loss_g": 4.0 + 6.0 * t,
        "real_logit": 3.0 + 4.0 * t,
        "fake_logit": -(4.0 + 6.0 * t),
    }
    slow = {
        name: learning(start, end, 3.0)
        for name, start, end in (
            ("coverage", 0.0, 0.75),
            ("pair_ratio", 0.2, 0.96),
            ("rke_ratio", 0.2, 0.93),
            ("nearest_real", 5.0, 1.1),
            ("off_data", 1.0, 0.3),
            ("bins_weight", 0.9, 0.05),
            ("auc", 1.0, 0.9),
        )
    }
    recovers = {"pair_ratio": 0.9 * dip, "rke_ratio": 0.9 * dip, "coverage": 0.7 * dip}
    perfect = {"auc": 0.5, "coverage": 0.95, "loss_d": 1.386, "loss_g": 0.693}
    perfect |= {"real_logit": 0.02, "fake_logit": -0.02}
    critic = {
        "loss_d": -3.0 - 5.0 * np.exp(-5 * t),
        "loss_g": 40.0 * np.sin(3 * t),
        "real_logit": -38.0 * np.sin(3 * t),
        "fake_logit": -40.0 * np.sin(3 * t),
        "input_gradient_norm": 1.12,
        "penalised": 1,
        "loss_family": "wasserstein",
    }
    return [run(changes) for changes in ({}, strong, slow, recovers, perfect, critic)]
