"""What became of a run, judged by what the doctor never sees: the true modes and fresh points.

A failure is named by its outcome, whatever the sabotage was meant to do; a run can have several
names. Between healthy and unhealthy lies a grey zone that counts as neither.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

N_SAMPLES = 2000
N_SLOPE = 500
ON = 0.25
"""A point is on a mode when it is nearer to it than this share of the modes' spacing."""


def observe(generator: Any, discriminator: nn.Module, world: Any, step: int) -> dict[str, Any]:
    """One row of the oracle's own: how 2,000 fresh samples lie.

    Args:
        generator: (n) -> points [n, 2] and their labels [n] or None.
        world: the data: `.draw(n)`, `.centres`, `.spacing`, `.weights`, `.train`.
    """
    with torch.no_grad():
        points, labels = generator(N_SAMPLES)
    row: dict[str, Any] = {"step": step, "finite": bool(points.isfinite().all())}
    if not row["finite"]:
        return row
    distance, mode = torch.cdist(points, world.centres).min(1)
    on = distance < ON * world.spacing
    counts = mode[on].bincount(minlength=len(world.centres))
    real, real_labels = world.draw(N_SAMPLES)
    with torch.no_grad():
        real_logits = discriminator(real, real_labels)
        fake_logits = discriminator(points, labels)
    row |= {
        "on": float(on.float().mean()),
        "modes": counts.tolist(),
        "rms": float(points.norm(dim=1).square().mean().sqrt()),
        "spread": pair_distance(points) / max(pair_distance(real), 1e-9),
        "auc": auc(real_logits, fake_logits),
        "gap_size": abs(float(real_logits.mean() - fake_logits.mean())),
        "slope": slope(discriminator, real, points, labels),
    }
    if labels is not None:
        row["obeyed"] = float((mode == labels)[on].float().mean()) if on.any() else 0.0
        inside = [pair_distance(points[labels == k][:200]) for k in range(len(world.centres))]
        row["within"] = float(np.median(inside)) / world.within
    if world.train is not None:
        with torch.no_grad():
            train_logits = discriminator(world.train, None)
        row["memory"] = auc(train_logits, real_logits)
        near = torch.cdist(points, world.train).amin(1)
        apart = torch.cdist(real, world.train).amin(1)
        row["copies"] = float((near < apart.median() / 4).float().mean())
    return row


def truth(rows: list[dict[str, Any]], world: dict[str, Any]) -> dict[str, Any]:
    """{"names": failures that the end of the run shows, "grey": neither healthy nor unhealthy,
    "onset": the step from which on it was unhealthy}.

    Args:
        rows: what `observe` gave, oldest first.
        world: "weights" of the modes, "rms" of the data, "conditional", "penalised"; "on": the
            bounds of that share, where the judge is another.
    """
    end = rows[-max(6, len(rows) // 3) :]
    names = _names(end, world)
    if names and _has_grown(rows, world):
        names.add("divergence")
    grey = not names and _is_grey(end, world)
    return {"names": sorted(names), "grey": grey, "onset": _onset(rows, world) if names else None}


def _has_grown(rows: list[dict[str, Any]], world: dict[str, Any]) -> bool:
    """The critic's gap at the end is 100 times that of the first third, and the points are off."""
    third = max(3, len(rows) // 3)
    if not all(row["finite"] for row in rows):
        return False
    early, late = (
        float(np.median([row["gap_size"] for row in part]))
        for part in (rows[:third], rows[-third:])
    )
    on = float(np.median([row["on"] for row in rows[-third:]]))
    return late > 100 * early and on < world.get("on", ON_BOUNDS)[0]


def _names(end: list[dict[str, Any]], world: dict[str, Any]) -> set[str]:
    if not all(row["finite"] for row in end):
        return {"non-finite", "divergence"}
    middle = {name: float(np.median([row[name] for row in end])) for name in NUMBERS}
    gap, drift, weight = _histograms(end, world)
    least_on = world.get("on", ON_BOUNDS)[0]
    names = set()
    if middle["rms"] > 5 * world["rms"] or (middle["gap_size"] > 1e4 and middle["on"] < least_on):
        names.add("divergence")
    if middle["spread"] < 0.1 and world["rms"] > 2 * world["within"]:
        names.add("complete-mode-collapse")
    if gap > 0.35 and drift > 0.12:
        names.add("oscillation")
    elif weight >= 0.2 and middle["on"] > least_on / 2:
        names.add("partial-mode-collapse")
    if middle["on"] < least_on or weight >= 0.5:
        if middle["auc"] >= 0.97:
            names.add("discriminator-wins")
        elif middle["auc"] <= 0.35:
            names.add("generator-wins")
        elif middle["auc"] <= 0.65:
            names.add("weak-discriminator")
        elif not names:
            names.add("unnamed")
    if world["penalised"] and not 0.5 <= middle["slope"] <= 2:
        names.add("lipschitz-violation")
    if world["conditional"] and middle["on"] >= least_on:
        if float(np.median([row["obeyed"] for row in end])) < 0.5:
            names.add("condition-ignored")
        if float(np.median([row["within"] for row in end])) < 0.15:
            names.add("latent-ignored")
    if "memory" in end[-1] and float(np.median([row["memory"] for row in end])) > 0.68:
        names.add("discriminator-overfitting")
    if "copies" in end[-1] and float(np.median([row["copies"] for row in end])) > 0.5:
        names.add("memorisation")
    return names


ON_BOUNDS = (0.3, 0.4)
"""Share of points on a mode below which a run is unhealthy, and from which on it is healthy."""
NUMBERS = ("rms", "gap_size", "spread", "on", "auc", "slope")


def _is_grey(end: list[dict[str, Any]], world: dict[str, Any]) -> bool:
    """Some of the data is missing, or many points lie between the modes, but not clearly enough."""
    *_, weight = _histograms(end, world)
    on = float(np.median([row["on"] for row in end]))
    return weight > 0.13 or on < world.get("on", ON_BOUNDS)[1]


def _histograms(rows: list[dict[str, Any]], world: dict[str, Any]) -> tuple[float, float, float]:
    """Jensen gap, median drift, and the weight of the missing modes."""
    counts = np.array([row["modes"] for row in rows], dtype=float)
    totals = counts.sum(1, keepdims=True)
    seen = counts / np.where(totals > 0, totals, 1)
    weights = np.array(world["weights"])
    mean = seen.mean(0)
    # A thousand modes are too many for entropies of a thousand samples: they are taken by hundreds.
    wide = seen.reshape(len(seen), 10, -1).sum(2) if seen.shape[1] == 1000 else seen
    gap = _entropy(wide.mean(0)) - float(np.mean([_entropy(row) for row in wide]))
    pairs = [(wide[i] + wide[i + 1]) / 2 for i in range(len(wide) - 1)]
    drifts = [
        _entropy(pair) - (_entropy(wide[i]) + _entropy(wide[i + 1])) / 2
        for i, pair in enumerate(pairs)
    ]
    return gap, float(np.median(drifts)), float(weights[mean < 0.25 * weights].sum())


def _onset(rows: list[dict[str, Any]], world: dict[str, Any]) -> int:
    """The first step from which on every window of rows to the end is unhealthy."""
    onset = rows[-1]["step"]
    for start in range(len(rows) - 6, -1, -1):
        window = rows[start : start + 6]
        if not _names(window, world) and not _is_grey(window, world):
            break
        onset = rows[start]["step"]
    return int(onset)


def _entropy(shares: np.ndarray) -> float:
    seen = shares[shares > 0]
    return float(-(seen * np.log(seen)).sum())


def pair_distance(points: Tensor) -> float:
    """Median distance of two of at most 500 rows [n, d]."""
    return float(torch.pdist(points[:500]).median())


def auc(higher: Tensor, lower: Tensor) -> float:
    """Probability that one of `higher` [n] is above one of `lower` [m]."""
    a, b = higher[:1000].unsqueeze(1), lower[:1000].unsqueeze(0)
    return float((a > b).float().mean() + 0.5 * (a == b).float().mean())


def slope(discriminator: nn.Module, real: Tensor, fake: Tensor, labels: Tensor | None) -> float:
    """Mean norm of the gradient of the output at points between real and fake."""
    real, fake = real[:N_SLOPE], fake[:N_SLOPE]
    labels = None if labels is None else labels[:N_SLOPE]
    share = torch.rand(len(real), *[1] * (real.dim() - 1))
    between = torch.lerp(real, fake, share).requires_grad_(True)
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(discriminator(between, labels).sum(), between)
    return float(gradient.flatten(1).norm(dim=1).mean())
