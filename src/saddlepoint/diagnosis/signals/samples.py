"""How varied the newest fakes are beside as many real images, and whether they fit their labels."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import Binomial

from saddlepoint.diagnosis.signals.reference import (
    N_COVERED,
    K,
    Reference,
    median_of,
    median_pair_distance,
    own_distances,
    rke,
)

Columns = dict[str, float | list[float]]

VISIBLE = 0.25
"""Agreement of real images below which their labels cannot be told from so few pixels."""

_RARE = 1e-3  # a bin is missing when chance gives so few fakes in it once in a thousand checks,
_FEW = 0.25  # and when it has less than this share of the fakes it should have


def diversity(fake: Tensor, reference: Reference) -> Columns:
    """Columns from the features of fakes, float32 [m, d], m >= 8."""
    to_real = torch.cdist(fake, reference.features)
    own = own_distances(fake)
    nearest = to_real.amin(1)
    pair = median_of(own)
    return {
        "pair_ratio": pair / max(reference.pair_distance, 1e-12),
        "rke_ratio": rke(own, reference.pair_distance) / reference.rke,
        "duplicates": _share(own.amin(1) < reference.duplicate_distance),
        "nearest_real": float(nearest.median()) / max(reference.held_back_nearest, 1e-12),
        "off_data": float(nearest.median()) / max(reference.pair_distance, 1e-12),
        "train_closeness": _share(nearest < reference.nearest_quantile),
        **_coverage(to_real, reference),
        **_bins(to_real, reference),
    }


def within_labels(fake: Tensor, labels: Tensor, reference: Reference) -> Columns:
    """label_diversity: pair distance within a label / that of real images of it, the median."""
    ratios = []
    assert reference.labels is not None
    for label in labels.unique():
        made, real = fake[labels == label], reference.features[reference.labels == label]
        if len(made) >= 4 and len(real) >= 4:
            unit = median_pair_distance(real)
            ratios.append(median_pair_distance(made) / max(unit, 1e-12))
    return {"label_diversity": sorted(ratios)[len(ratios) // 2]} if ratios else {}


def label_agreement(fake: Tensor, labels: Tensor, reference: Reference) -> dict[str, float]:
    """label_agreement: 1 as in real images, 0 as by chance; no column where it cannot be told.

    An image is taken to show the label of the real image that it is nearest to.

    Args:
        fake: features float32 [m, d]; labels: int64 [m] that the generator was given.
    """
    known = reference.labels
    assert known is not None
    real = kappa(known, known[reference.nearest_other])
    if real < VISIBLE:
        return {}
    shown = known[torch.cdist(fake, reference.features).argmin(1)]
    return {"label_agreement": kappa(labels, shown) / real}


def kappa(a: Tensor, b: Tensor) -> float:
    """Cohen's kappa of two labellings int64 [n]: (observed - chance) / (1 - chance) agreement, so
    that 1 is full and 0 is chance. 0 where both have but one label, the same.

    Paper: Cohen 1960, https://doi.org/10.1177/001316446002000104, equation 1.
    """
    a, b = a.cpu(), b.cpu()  # not every device has float64
    n_labels = int(torch.stack([a.max(), b.max()]).max()) + 1
    shares = [torch.bincount(x, minlength=n_labels).double() / len(x) for x in (a, b)]
    chance = float((shares[0] * shares[1]).sum())
    observed = float((a == b).double().mean())
    return (observed - chance) / (1 - chance) if chance < 1 else 0.0


def _coverage(to_real: Tensor, reference: Reference) -> Columns:
    """Share of reals with a fake nearer than their k-th real neighbour, and its expectation.

    Paper: Naeem et al. 2020, https://arxiv.org/abs/2002.09797, equation 9 for equal numbers.
    """
    radii = reference.radii
    n, m = len(radii), len(to_real)
    covered = to_real[:, :N_COVERED].amin(0) <= radii
    # No fake is near iff the k nearest among the other n - 1 reals and the m fakes are all real.
    none = math.prod((n - 1 - i) / (n - 1 + m - i) for i in range(min(K, n - 1)))
    return {"coverage": _share(covered), "coverage_null": 1 - none}


def _bins(to_real: Tensor, reference: Reference) -> Columns:
    shares = reference.bin_shares
    counts = reference.counts(to_real)
    missing = _missing(counts, shares)
    return {
        "bins": [float(count) for count in counts],
        "bins_real": [round(float(share), 6) for share in shares],
        "bins_weight": float(shares[missing].sum()),
        "bins_null": _share(_missing(reference.held_back_counts, shares)),
        **({"bins_are_classes": 1.0} if reference.bins_are_classes else {}),
    }


def _missing(counts: Tensor, shares: Tensor) -> Tensor:
    """bool [bins]: fewer than a quarter of what is due, and than chance gives (binomial)."""
    n = int(counts.sum())
    chance = _binomial_cdf(counts.cpu().double(), n, shares.cpu().double()).to(counts.device)
    return (chance < _RARE / len(counts)) & (counts < _FEW * n * shares)


def _binomial_cdf(counts: Tensor, n: int, p: Tensor) -> Tensor:
    """P(X <= count) of X ~ Binomial(n, p), elementwise over [bins]."""
    k = torch.arange(n + 1, dtype=torch.float64)
    masses = Binomial(n, p.unsqueeze(1)).log_prob(k).exp()
    return (masses * (k <= counts.unsqueeze(1))).sum(1)


def _share(mask: Tensor) -> float:
    return float(mask.float().mean())
