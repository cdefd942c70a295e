"""What the comparisons of our networks with other people's share: seeded numbers and their sums."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

N_IMAGES = 2
TOLERANCE = 1e-5
EVERY = 64
"""One value in so many is written down, besides sums over all."""


def uniform(bits: np.random.PCG64, shape: tuple[int, ...], low: float, high: float) -> Tensor:
    """float32 in [low, high) from the raw bits of the generator, which NumPy promises to keep."""
    share = bits.random_raw(math.prod(shape)).astype(np.float64) * 2.0**-64
    return torch.from_numpy((low + (high - low) * share).astype(np.float32).reshape(shape))


def seeded_images(height: int, width: int, channels: int) -> Tensor:
    """uint8 [N_IMAGES, height, width, channels] of noise, the second image darker."""
    n = N_IMAGES * height * width * channels
    noise = np.random.PCG64(height * width + channels).random_raw(n) >> np.uint64(56)
    images = noise.astype(np.uint8).reshape(N_IMAGES, height, width, channels)
    images[1] //= 3
    return torch.from_numpy(images)


def hash_of(tensors: Iterable[Tensor]) -> str:
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def hash_of_shapes(tensors: dict[str, Tensor]) -> str:
    """sha256 over the sorted lines "name (1,2,3)"."""
    lines = [f"{name} {tuple(tensor.shape)}" for name, tensor in sorted(tensors.items())]
    return hashlib.sha256("\n".join(lines).replace(", ", ",").encode()).hexdigest()


def figures(values: Tensor) -> dict[str, Any]:
    """What is kept of float32 [n, d]: some values, and two sums over all that tell their order."""
    wide = values.double()
    ramp = torch.linspace(-1, 1, values.shape[1], dtype=torch.float64)
    return {
        "greatest": wide.abs().max().item(),
        "some": values[:, ::EVERY].tolist(),
        "mean": wide.mean(dim=1).tolist(),
        "slope": (wide * ramp).mean(dim=1).tolist(),
    }


def distance(ours: Tensor, theirs: Tensor) -> float:
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()
