"""What a viewer sees of a game after a move: points, surface, grid, arrows, numbers, sentences."""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from saddlepoint.core.json_files import finite
from saddlepoint.reporting.messages import in_languages
from saddlepoint.studio.game.plane import (
    N_COUNTED,
    N_SHOWN,
    even_latents,
    jensen_shannon,
    latent_grid,
)
from saddlepoint.studio.game.play import Game, View
from saddlepoint.studio.game.telling import auc, is_probability, told
from saddlepoint.studio.game.transport import wasserstein
from saddlepoint.training.threads import use

SURFACE = 48
"""Points along a side at which the discriminator is asked."""
LINES = 25
"""Latent lines in each direction."""
N_PAIRED = 128
"""Real and generated points whose exact Wasserstein distance is taken."""
UNIT = 8192
"""Whole numbers of a coordinate from the middle of the view to its edge."""


@use(1)  # nothing here is large enough for two, and a training may need the other core
def frame(game: Game, measure: bool, label: int | None = None) -> dict[str, Any]:
    """Plain JSON values; arrays are base64 of little-endian numbers, which is a third of the bytes
    of lists of numbers (bench/game.py).

    Args:
        measure: take the distances as well, which costs as much as some moves.
        label: in a game with labels, whose surface and grid are shown; None: the first one's.
    """
    shown = None if game.plane.n_classes == 0 else (label or 0) % game.plane.n_classes
    now = game.look()
    pulls = game.pulls(now.points)
    extent = game.plane.extent
    return {
        "at": game.at,
        "total": game.script.n_moves,
        "extent": extent,
        "labels": game.plane.n_classes,
        "real": _places(game.real, extent),
        "fake": _places(now.points, extent),
        "real_labels": _labels(game.plane.real_labels),
        "fake_labels": _labels(game.plane.labels(N_SHOWN)),
        "pulls": _pack(_compressed(pulls), "<i1"),
        "grid": _places(game.generated(latent_grid(LINES), shown), extent),
        "surface": _surface(game, now, shown),
        "loss_d": _number(game.loss_d),
        "loss_g": _number(game.loss_g),
        "numbers": _numbers(game, now, pulls),
        "distances": _distances(game) if measure else None,
        "said": [sentence.to_json() for sentence in told(game, now, pulls)],
        "findings": [
            {
                "name": finding.name,
                "severity": finding.severity,
                "message": in_languages(finding.message),
                "remedies": list(finding.remedies),
            }
            for finding in game.findings
        ],
    }


def _numbers(game: Game, now: View, pulls: Tensor) -> dict[str, float | None]:
    found = {
        "real": now.real.mean(),
        "fake": now.fake.mean(),
        # What a critic under a Lipschitz bound says the Wasserstein distance is.
        "gap": now.real.mean() - now.fake.mean(),
        "right": auc(now.real, now.fake),
        "slope": pulls.norm(dim=1).median(),
    }
    return {name: _number(float(value)) for name, value in found.items()}


def _distances(game: Game) -> dict[str, float | int | None]:
    """How far the generator is from the data; docs/game.md says what each number is."""
    counted = game.generated(even_latents(N_COUNTED))
    plane = game.plane
    # Of the real points, which stand in the order of their clusters, every second one.
    real = game.real[:: N_SHOWN // N_PAIRED].numpy()
    fake = game.generated(even_latents(N_PAIRED)).numpy()
    lost = not np.isfinite(fake).all()
    return {
        "js": jensen_shannon(plane.shares(), plane.counted(counted)),
        "w": None if lost else wasserstein(real, fake),
        "modes": plane.covered(counted) if plane.n_modes else None,
        "of": plane.n_modes,
    }


def _surface(game: Game, now: View, label: int | None) -> dict[str, Any]:
    """The discriminator's outputs on a square grid, first row on top: from 0 for `low` to
    65535 for `high`; half-way it cannot tell."""
    steps = torch.linspace(-1, 1, SURFACE) * game.plane.extent
    across, down = torch.meshgrid(steps, steps.flip(0), indexing="xy")
    at = torch.stack([across.flatten(), down.flatten()], dim=1)
    outputs = game.judged(at, label=label).double()
    if is_probability(game.config.loss):
        outputs, kind, low, high, middle = torch.sigmoid(outputs), "probability", 0.0, 1.0, 0.5
    else:
        # Scores have no zero of their own: half-way between what real and fake points get.
        kind, middle = "score", float(now.real.mean() + now.fake.mean()) / 2
        reach = max(1e-6, float((outputs - middle).abs().nan_to_num(0, 0, 0).max()))
        low, high = middle - reach, middle + reach
    share = ((outputs - low) / (high - low)).nan_to_num(0.5).clamp(0, 1)
    data = _pack(65535 * share, "<u2")
    return {"kind": kind, "side": SURFACE, "low": _number(low), "high": _number(high), "data": data}


def _labels(labels: Tensor | None) -> str:
    return "" if labels is None else _pack(labels, "<u1")


def _compressed(pulls: Tensor) -> Tensor:
    """Pushes [n, 2] shrunk to lengths below 127, half of which stands for a slope of 1: a slope
    that vanishes can be seen to, and one that explodes stays in the picture."""
    length = pulls.norm(dim=1, keepdim=True)
    return (127 * pulls / (1 + length)).nan_to_num(0, 0, 0)


def _places(points: Tensor, extent: float) -> str:
    """Points [n, 2] in whole numbers, clipped at four times the view."""
    scaled = (points.double() / extent * UNIT).nan_to_num(32767, 32767, -32767)
    return _pack(scaled.clamp(-32767, 32767), "<i2")


def _pack(values: Tensor, kind: str) -> str:
    return base64.b64encode(torch.round(values.double()).numpy().astype(kind).tobytes()).decode()


def _number(value: float | None) -> float | None:
    """Six digits are more than anyone reads, and halve the bytes."""
    if value is None or finite(value) is None:
        return None
    return 0.0 if value == 0 else round(value, 5 - math.floor(math.log10(abs(value))))
