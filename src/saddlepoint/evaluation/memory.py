"""Whether the measures fit into the memory, worked out before any feature is computed."""

from __future__ import annotations

import torch

from saddlepoint.core.limits import require_memory
from saddlepoint.core.measures import Settings
from saddlepoint.evaluation.metrics.fid import FEW

MATRICES = {"fewer images than features": 6, "more": 9, "more, with intervals": 14}
"""Matrices of features x features that exist at the same time, at most: covariances, their factors
and LAPACK's workspace (docs/log.md, "Memory, estimated and measured")."""


def require_memory_for_measures(
    n_real: int, n_fake: int, n_train: int, d: int, settings: Settings
) -> None:
    """Raises InputError where measuring this many images by `d` features each needs more memory
    than there is."""
    covers = min(n_real, n_fake) > d
    matrices = MATRICES["more" if covers else "fewer images than features"]
    if covers and settings.n_bootstrap:
        matrices = MATRICES["more, with intervals"]
    copies = 16 * n_fake * d if n_fake < FEW else 0  # of the fakes, in float64
    scalars = 24 * n_fake**2 if n_fake <= d else 0  # products of fakes with fakes
    parts = {
        f"choose --features of fewer numbers than {d:,} an image": 8 * matrices * d**2
        # As they are, and centred.
        + 8 * n_train * d,
        "give a smaller --n": 8 * (n_real + n_fake) * d + copies + scalars,
        "give a smaller --bootstrap": 4 * settings.n_bootstrap * (n_real + n_fake),
    }
    remedy = max(parts, key=lambda name: parts[name])
    what = f"Measuring {n_fake:,} images by {d:,} features each"
    need, device = sum(parts.values()), torch.device(settings.device)
    left = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else None
    require_memory(need, what, remedy, left)
