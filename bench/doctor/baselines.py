"""What the doctor is compared with: rules that need nothing but losses. (rows) -> step or None."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Rows = list[dict[str, Any]]
WARMUP = 200


def nan_only(rows: Rows) -> float | None:
    """The check that training scripts have: a loss is not finite."""
    return next((row["step"] for row in rows if row.get("nonfinite")), None)


def loss_thresholds(rows: Rows) -> float | None:
    """What tutorials say: the discriminator's loss has gone to 0, or the generator's is near 0 or
    has become large, at three checks in a row."""
    run = 0
    for row in rows:
        d, g = row.get("loss_d", math.nan), row.get("loss_g", math.nan)
        unhealthy = row["step"] > WARMUP and (d < 0.05 or d > 10 or g > 5 or g < 0.05)
        run = run + 1 if unhealthy else 0
        if run == 3 or row.get("nonfinite"):
            return row["step"]
    return None


def loss_cusum(rows: Rows, slack: float = 1.0, limit: float = 12.0) -> float | None:
    """Both losses standardised by ten early checks, a two-sided CUSUM on each."""
    rows = [row for row in rows if row["step"] > WARMUP]
    alarms = [row["step"] for row in rows if row.get("nonfinite")][:1]
    for name in ("loss_d", "loss_g"):
        values = np.array([row.get(name, math.nan) for row in rows], dtype=float)
        early = values[:10][np.isfinite(values[:10])]
        if len(early) < 5:
            continue
        z = (values - early.mean()) / max(float(early.std()), 1e-6)
        for sign in (1, -1):
            total = 0.0
            for row, value in zip(rows[10:], z[10:], strict=True):
                total = max(0.0, total + (sign * value - slack if math.isfinite(value) else 0.0))
                if total > limit:
                    alarms.append(row["step"])
                    break
    return min(alarms, default=None)


BASELINES = {
    "NaN check": nan_only,
    "loss thresholds of tutorials": loss_thresholds,
    "CUSUM of the losses": loss_cusum,
}
