"""Real images to compare with: what a healthy generator would be, and the noise of measuring it.

All distances are between images of at most 8 x 8 pixels a channel, which every loop can afford;
what they say is always relative to the same measure between real images.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

SIDE = 8
MAX_FEATURES = 256
N_REFERENCE = 1024
"""Real images that fakes are compared with."""
N_IMAGES = 128
"""Reference images that are kept whole, for the discriminator to judge."""
N_EXAMPLES = 4
"""Real images of each bin that are kept to be shown where the bin is missing."""
N_COVERED = 512
"""Reference images that coverage is measured on."""
K = 5
"""Neighbours that make the radius of coverage."""
MAX_BINS = 64
"""Labels are the bins where there are at most this many."""


def features(images: Tensor) -> Tensor:
    """float32 [n, d], d <= 256: pooled pixels of images [n, c, h, w]; vectors as they are, or
    projected at random when they are long."""
    images = images.detach().float()
    if images.dim() == 4:
        side = (min(SIDE, images.shape[2]), min(SIDE, images.shape[3]))
        images = adaptive_avg_pool2d(images, side)
    flat = images.flatten(1)
    if flat.shape[1] <= MAX_FEATURES:
        return flat
    generator = torch.Generator().manual_seed(0)
    projection = torch.randn(flat.shape[1], MAX_FEATURES, generator=generator)
    return flat @ (projection / MAX_FEATURES**0.5).to(flat.device)


@dataclass
class Reference:
    """Real images in two disjoint parts: one to compare with, and one held back that is compared
    with it as a generator's images are."""

    images: Tensor
    """[at most 128, ...] as the discriminator sees them; the other parts are features only."""
    features: Tensor
    """float32 [n, d] of the images to compare with, those above first."""
    labels: Tensor | None
    """int64 [n] of them."""
    held_back: Tensor
    """float32 [m, d]: as many as fakes are probed, where there are enough."""
    examples: list[Tensor] = field(default_factory=list)
    """Real images [at most 4, ...] of each bin on the CPU, to show what is missing."""

    @classmethod
    def of(cls, images: Tensor, labels: Tensor | None, n_probes: int) -> Reference:
        """Split what the user gave: at most a half is held back."""
        m = min(n_probes, len(images) // 2)
        rest = slice(m, m + N_REFERENCE)
        reference = cls(
            images=images[rest][:N_IMAGES].clone(),
            features=features(images[rest]),
            labels=None if labels is None else labels[rest],
            held_back=features(images[:m]),
        )
        bins = reference.bin_of
        for index in range(reference.n_bins):
            members = (bins == index).nonzero()[:N_EXAMPLES, 0]
            reference.examples.append(images[rest][members].cpu())
        return reference

    @cached_property
    def _own_distances(self) -> Tensor:
        """[n, n] between the reference images, infinite to themselves."""
        return own_distances(self.features)

    @cached_property
    def pair_distance(self) -> float:
        """Median distance of two real images: the unit of all others."""
        return median_pair_distance(self.held_back)

    @cached_property
    def nearest_other(self) -> Tensor:
        """int64 [n]: which other reference image is the nearest to each."""
        return self._own_distances.argmin(1)

    @cached_property
    def nearest_quantile(self) -> float:
        """1 % of real images have a nearer neighbour than this."""
        return _percentile_nearest(self._own_distances)

    @cached_property
    def rke(self) -> float:
        """Order-2 Vendi score of the held-back images."""
        return rke(own_distances(self.held_back), self.pair_distance)

    @cached_property
    def duplicate_distance(self) -> float:
        """1 % of the held-back images have a nearer neighbour among them than this."""
        return _percentile_nearest(own_distances(self.held_back))

    @cached_property
    def held_back_counts(self) -> Tensor:
        """int64 [bins] of the held-back images: the noise of counting."""
        return self.counts(torch.cdist(self.held_back, self.features))

    @cached_property
    def held_back_nearest(self) -> float:
        """Median distance of a held-back image to its nearest reference image."""
        return float(torch.cdist(self.held_back, self.features).amin(1).median())

    @cached_property
    def radii(self) -> Tensor:
        """[N_COVERED]: distance to the k-th nearest among themselves."""
        own = self._own_distances[:N_COVERED, :N_COVERED]
        return own.kthvalue(min(K, len(own) - 1), dim=1).values

    @cached_property
    def bins_are_classes(self) -> bool:
        return self.labels is not None and 2 <= int(self.labels.max()) + 1 <= MAX_BINS

    @cached_property
    def bin_of(self) -> Tensor:
        """int64 [n]: the bin of each reference image: its label, or its cluster."""
        if self.bins_are_classes:
            assert self.labels is not None
            return self.labels
        return clusters(self.features, self.pair_distance)

    @cached_property
    def n_bins(self) -> int:
        return int(self.bin_of.max()) + 1

    @cached_property
    def bin_shares(self) -> Tensor:
        """float [bins]: as fakes are sorted into bins, by the nearest reference image."""
        bins = self.bin_of[self.nearest_other]
        return torch.bincount(bins, minlength=self.n_bins).float() / len(bins)

    def counts(self, distances: Tensor) -> Tensor:
        """int64 [bins]: images in each bin, from their distances [m, n] to the reference."""
        return torch.bincount(self.bin_of[distances.argmin(1)], minlength=self.n_bins)


def rke(distances: Tensor, unit: float) -> float:
    """Order-2 Vendi score 1 / ||K / n||^2 of a Gaussian kernel half as wide as real pairs.

    Args:
        distances: [n, n], the diagonal infinite; there the kernel is 1.

    Paper: Jalali et al. 2023, https://arxiv.org/abs/2302.05834 (RKE).
    """
    n = len(distances)
    # The square of exp(-d^2 / (2 w^2)), with w half of the unit.
    squares = torch.exp(-(distances / max(0.5 * unit, 1e-12)).square())
    return float(n * n / (squares.sum() + n))


def _percentile_nearest(distances: Tensor) -> float:
    """The nearest-neighbour distance in [n, n] that 1 % of the rows stay below."""
    return float(distances.amin(1).sort().values[len(distances) // 100])


def own_distances(vectors: Tensor) -> Tensor:
    """[n, n] between the rows of [n, d], infinite to themselves."""
    return torch.cdist(vectors, vectors).fill_diagonal_(torch.inf)


def median_pair_distance(vectors: Tensor) -> float:
    """Median distance between two different rows of [n, d]."""
    return median_of(own_distances(vectors))


def median_of(distances: Tensor) -> float:
    """Median of a symmetric [n, n] without its diagonal, which is infinite; of 256 rows at most,
    whose 32,640 pairs are enough."""
    distances = distances[:256, :256]
    n = len(distances)
    pairs = n * (n - 1) // 2
    if pairs == 0:  # of a few real images, with which nothing is compared
        return 0.0
    # Every pair is in there twice.
    return float(distances.flatten().kthvalue(2 * ((pairs - 1) // 2) + 1).values)


def clusters(vectors: Tensor, unit: float) -> Tensor:
    """int64 [n]: k-means, and clusters joined that lie closer than a fifth of `unit` (the median
    distance of two images): parts of one tight mode are one bin."""
    n = len(vectors)
    k = max(2, min(40 if vectors.shape[1] <= 4 else 20, n // 16))
    generator = torch.Generator().manual_seed(0)
    centres = vectors[:1]
    for _ in range(k - 1):  # k-means++
        weight = torch.cdist(vectors, centres).amin(1).square().cpu().double()
        if not float(weight.sum()) > 0:
            break
        chosen = torch.multinomial(weight, 1, generator=generator)
        centres = torch.cat([centres, vectors[chosen.to(vectors.device)]])
    assigned = torch.cdist(vectors, centres).argmin(1)
    for _ in range(20):
        sums = torch.zeros_like(centres).index_add_(0, assigned, vectors)
        sizes = torch.bincount(assigned, minlength=len(centres)).unsqueeze(1)
        centres = torch.where(sizes > 0, sums / sizes.clamp_min(1), centres)
        assigned = torch.cdist(vectors, centres).argmin(1)
    joined = list(range(len(centres)))
    near = (torch.cdist(centres, centres) < 0.2 * unit).tolist()
    for i in range(len(centres)):
        for j in range(i):
            if near[i][j]:
                joined = [joined[j] if bin_ == joined[i] else bin_ for bin_ in joined]
    merged = torch.tensor(joined, device=vectors.device)[assigned]
    return torch.unique(merged, return_inverse=True)[1]
