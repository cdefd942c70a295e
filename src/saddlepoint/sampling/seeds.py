"""What images are asked for by: seeds or latents, and labels or shares of the classes."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from saddlepoint.core.checks import MOST_SEED, in_range
from saddlepoint.core.errors import InputError

FARTHEST = 100.0
"""No entry of a latent is larger: N(0, 1) never gives it, and nets overflow somewhere beyond."""
Seeds = Sequence[int] | Tensor
"""Seeds, or the latents themselves: float32 [n, latent_dim]."""
Labels = Sequence[int] | Tensor
"""Classes, or for each image the shares of all classes: float32 [n, n_classes]."""


def names_of(seeds: Seeds) -> list[str]:
    """What to write beside each image: seed 7, or latent 0 by its place."""
    if isinstance(seeds, Tensor):
        return [f"latent {index}" for index in range(len(seeds))]
    return [f"seed {seed}" for seed in seeds]


def check_seeds(seeds: Seeds, latent_dim: int) -> None:
    """Raises InputError for no seeds, one out of range, or latents that a model of `latent_dim`
    does not take."""
    if not len(seeds):
        raise InputError("No seeds were given; give --seeds 0-63.")
    if not isinstance(seeds, Tensor):
        for seed in (min(seeds), max(seeds)):
            in_range(seed, 0, MOST_SEED, "--seeds")
        return
    if seeds.dim() != 2 or seeds.shape[1] != latent_dim:
        raise InputError(
            f"The latents are {list(seeds.shape)}, but this model takes [n, {latent_dim}]; use "
            "those of this model."
        )
    if not (seeds.abs() <= FARTHEST).all():  # which does not hold for NaN either
        raise InputError(
            f"A latent has an entry that is not finite or beyond {FARTHEST:g}; latents are "
            "drawn from N(0, 1)."
        )
