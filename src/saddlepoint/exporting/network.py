"""A generator as one function of latent, label and truncation, and whether a copy equals it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from saddlepoint import __version__
from saddlepoint.core.contracts import Generator
from saddlepoint.core.errors import RunFailed
from saddlepoint.core.json_files import dumps
from saddlepoint.core.tensors import exact_float32
from saddlepoint.exporting.contract import Leaving
from saddlepoint.sampling.latent_space import latents
from saddlepoint.sampling.sampler import Sampler

TOLERANCE = 1e-5
"""The largest difference of a copy, where images lie in [-1, 1]."""
BATCHES = (1, 3, 64)
TRUNCATIONS = (1.0, 0.5)


class Unconditional(nn.Module):
    """z float32 [n, latent_dim], truncation float32 [] -> float32 [n, *spec.shape]."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, z: Tensor, truncation: Tensor) -> Tensor:
        # The mean of N(0, I) is 0, so moving z towards it is a multiplication.
        return self.generator(z * truncation)


class Conditional(Unconditional):
    """With label int64 [n] between the two."""

    def forward(self, z: Tensor, label: Tensor, truncation: Tensor) -> Tensor:  # type: ignore[override]  # one more input
        return self.generator(z * truncation, label)


def network(sampler: Sampler) -> nn.Module:
    """The sampler's generator with truncation inside, in eval mode."""
    return (Conditional if sampler.conditional else Unconditional)(sampler.generator).eval()


def inputs(sampler: Sampler, n: int, truncation: float = 1.0) -> dict[str, Tensor]:
    """Of `n` seeds, with every label as far as they go; in the order that the network takes."""
    given = {"z": latents(range(n), sampler.generator.latent_dim)}
    if sampler.conditional:
        given["label"] = torch.arange(n) % sampler.spec.n_classes
    return {**given, "truncation": torch.tensor(truncation)}


def output_name(sampler: Sampler) -> str:
    return "images" if sampler.spec.is_image else "points"


def about(leaving: Leaving) -> dict[str, str]:
    """What a program has to know to use the network without this package, as JSON values."""
    sampler = leaving.sampler
    facts: dict[str, Any] = {
        "made_by": f"saddlepoint {__version__}",
        "data": sampler.data,
        "n_images": sampler.n_images,
        "latent_dim": sampler.generator.latent_dim,
        "shape": sampler.spec.shape,
        "value_range": sampler.spec.value_range,
        "classes": sampler.classes if sampler.conditional else [],
        "licence": leaving.licence,
    }
    return {name: dumps(value) for name, value in facts.items()}


def require_equal(sampler: Sampler, copy: Callable[[dict[str, Tensor]], Tensor], what: str) -> None:
    """Compare a copy of the network with the network, over labels, truncations and batch sizes.

    Args:
        copy: inputs by name -> its output.
        what: begins the sentence.

    Raises:
        RunFailed: they differ by more than `TOLERANCE`, relative to the largest value where that is
            above 1; the sentence has the number.
    """
    original = network(sampler)
    for n in BATCHES:
        for truncation in TRUNCATIONS:
            given = inputs(sampler, n, truncation)
            with torch.inference_mode(), exact_float32(torch.device("cpu")):
                wanted = original(*given.values())
            made = copy(given)
            if made.shape != wanted.shape:
                raise RunFailed(
                    f"{what} gives {list(made.shape)} for a batch of {n}, and PyTorch "
                    f"{list(wanted.shape)}: nothing was written. Its architecture treats the size "
                    "of the batch as a constant; use z.shape[0] instead of len(z) there."
                )
            # A NaN on either side is a difference as well.
            apart = float((made - wanted).abs().max() / wanted.abs().max().clamp_min(1))
            if not apart <= TOLERANCE:
                raise RunFailed(
                    f"{what} differs from PyTorch by {apart:.2g}, more than {TOLERANCE:g}: nothing "
                    "was written; export it as safetensors."
                )
