"""What the generator does with its latent and its label, and in its other mode."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from saddlepoint.diagnosis.reference import Reference, features

Make = Callable[[Tensor, Tensor | None], Tensor]
"""Latents and labels -> images."""

N_LABELS = 8
N_LATENTS = 8


@torch.no_grad()
def effects(make: Make, z: Tensor, labels: Tensor, reference: Reference) -> dict[str, float]:
    """latent_effect and label_effect, from a table of the same latents under several labels.

    Args:
        z: [at least 8, ...] latents; labels: [n] the labels to choose from.
    """
    assert reference.labels is not None
    chosen = labels.unique()[:N_LABELS]
    z = z[:N_LATENTS]
    n_labels, n_latents = len(chosen), len(z)
    if n_labels < 2 or n_latents < 2:
        return {}
    made = make(z.repeat(n_labels, *[1] * (z.dim() - 1)), chosen.repeat_interleave(n_latents))
    table = features(made).view(n_labels, n_latents, -1)
    by_latent = _mean_distance(table)
    by_label = _mean_distance(table.transpose(0, 1))
    real = [reference.features[reference.labels == label][:64] for label in chosen]
    unit = [_mean_distance(group.unsqueeze(0)) for group in real if len(group) >= 2]
    if not unit:
        return {}
    tiny = 1e-12
    return {
        "latent_effect": by_latent / max(sum(unit) / len(unit), tiny),
        "label_effect": by_label / max(by_latent, tiny),
    }


@torch.no_grad()
def eval_gap(fake: Tensor, other: Tensor, reference: Reference) -> float:
    """Median distance of two versions of the same fakes, features [n, d], in pair distances."""
    return float((fake - other).norm(dim=1).median()) / max(reference.pair_distance, 1e-12)


def _mean_distance(groups: Tensor) -> float:
    """Mean distance of two different members of a group: [groups, members, d]."""
    n = groups.shape[1]
    distances = torch.cdist(groups, groups)
    return float(distances.sum() / (groups.shape[0] * n * (n - 1)))
