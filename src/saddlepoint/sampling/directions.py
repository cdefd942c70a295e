"""Principal directions of a generator: PCA of its first hidden layer, carried back to z."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from saddlepoint.core.checks import in_range
from saddlepoint.core.contracts import Generator
from saddlepoint.core.errors import InputError
from saddlepoint.core.tensors import exact_float32
from saddlepoint.sampling.sampler import Sampler


@dataclass(frozen=True, kw_only=True)
class Directions:
    """Ways through the latent space, those that change the first hidden layer most at first."""

    vectors: np.ndarray
    """float32 [k, latent_dim]: each of length 1, at right angles to each other. A step of 1 is one
    standard deviation: the component of z along any of them is from N(0, 1)."""
    explained: np.ndarray
    """float64 [k]: share of the layer's variance that lies along each, falling."""


def principal_directions(
    sampler: Sampler, k: int | None = None, label: int | None = None
) -> Directions:
    """The k directions of z that move the generator's first hidden layer most.

    Paper: Härkönen et al. 2020 (GANSpace), https://arxiv.org/abs/2004.02546, section 2.2, for
    generators without a mapping network: the principal components V of the layer's activations
    y, their coordinates x = V^T (y - mean), and U, which minimises the sum of |U x - z|^2 over
    many z; an image is edited by z' = z + U x. Differs from the paper: nothing is drawn. The layer
    is y = A z + b before its non-linearity, so that over all z from N(0, I) the components are the
    left singular vectors of A, and U turns one standard deviation of the i-th coordinate into the
    i-th right singular vector.

    Args:
        k: directions; None: ten, or as many as z has entries.
        label: the class, of a conditional model.

    Raises:
        InputError: more directions than z has entries, a label that does not fit the model, a
            generator that does not name its first hidden layer, one that ignores z, or weights
            that are not finite.
    """
    dim = sampler.generator.latent_dim
    k = min(10, dim) if k is None else k
    in_range(k, 1, dim, "--directions")
    chosen = sampler.labels_for(range(1), None if label is None else [label])
    weights = _first_layer_weights(sampler.generator, None if chosen is None else chosen[0])
    if not weights.isfinite().all():
        raise InputError(f"{sampler!r} makes values that are not finite; use another one.")
    _, lengths, rows = torch.linalg.svd(weights.double(), full_matrices=False)
    variances = lengths.square()
    if not variances.sum() > 0:
        raise InputError(f"{sampler!r} ignores z, so it has no directions; see `saddle doctor`.")
    # A singular vector and its negative are the same component: the largest entry is positive.
    largest = rows.gather(1, rows.abs().argmax(1, keepdim=True))
    return Directions(
        vectors=(rows * largest.sign())[:k].float().numpy(),
        explained=(variances / variances.sum())[:k].numpy(),
    )


@torch.no_grad()
def _first_layer_weights(generator: Generator, label: int | None) -> Tensor:
    """A of y = A z + b: float32 [units, latent_dim] on the CPU."""
    device = next(generator.parameters()).device
    dim = generator.latent_dim
    z = torch.cat([torch.zeros(1, dim), torch.eye(dim)]).to(device)
    labels = None if label is None else torch.full((len(z),), label, device=device)
    try:
        with exact_float32(device):
            made = generator.first_layer(z, labels).flatten(1).cpu()
    except NotImplementedError:
        raise InputError(
            f"{type(generator).__name__} does not say what its first hidden layer is; give it a "
            "`first_layer` (see core/contracts.py)."
        ) from None
    return (made[1:] - made[0]).T
