"""What the generator does with its latent and its label, and in its other mode."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from saddlepoint.diagnosis.observe.graph import batch_norms
from saddlepoint.diagnosis.signals.reference import Reference, features

Make = Callable[[Tensor, Tensor | None], Tensor]
"""Latents and labels -> images."""

N_LABELS = 8
N_LATENTS = 8


@torch.no_grad()
def effects(make: Make, z: Tensor, labels: Tensor, reference: Reference) -> dict[str, float]:
    """latent_effect and label_effect, from a table of the same latents under several labels.

    Args:
        z: [at least 8, ...] latents; labels: int64 [n] the labels to choose from.
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
def eval_gap(fake: Tensor, other: Tensor, reference: Reference) -> dict[str, float]:
    """eval_gap: median distance of two versions of the same fakes, features [n, d]."""
    gap = float((fake - other).norm(dim=1).median())
    return {"eval_gap": gap / max(reference.pair_distance, 1e-12)}


class Statistics:
    """Whether the running statistics of the net that samples come from follow its weights."""

    def __init__(self, net: nn.Module) -> None:
        self.net = net
        self.before = self._now()

    def columns(self) -> dict[str, float]:
        """stale_statistics since the last call, where the weights moved."""
        (weights, means), (weights_before, means_before) = self._now(), self.before
        self.before = (weights, means)
        if not means or torch.equal(weights, weights_before):
            return {}
        still = [torch.equal(a, b) for a, b in zip(means, means_before, strict=True)]
        return {"stale_statistics": sum(still) / len(still)}

    def _now(self) -> tuple[Tensor, list[Tensor]]:
        """A sum for each weight shows whether it moved; a copy of them all would cost as much as
        the net."""
        weights = [p.detach().float().sum() for p in self.net.parameters()]
        means: list[Tensor] = [
            layer.running_mean.detach().clone()  # type: ignore[union-attr, operator]  # a buffer
            for layer in batch_norms(self.net)
            if getattr(layer, "running_mean", None) is not None
        ]
        return torch.stack(weights) if weights else torch.zeros(0), means


def _mean_distance(groups: Tensor) -> float:
    """Mean distance of two different members of a group: [groups, members, d]."""
    n = groups.shape[1]
    distances = torch.cdist(groups, groups)
    return float(distances.sum() / (groups.shape[0] * n * (n - 1)))
