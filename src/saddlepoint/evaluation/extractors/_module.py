"""Features of a torch module that the caller passes to the Python API."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from saddlepoint.core.contracts import Dataset
from saddlepoint.core.errors import InputError
from saddlepoint.core.measures import Features
from saddlepoint.evaluation.extractors._networks import LoadedNetwork, weights_hash

BATCH_SIZE = 32


class LoadedModule(LoadedNetwork):
    """A module float32 [32, c, h, w] in [-1, 1] (or [32, 2] for points) -> floats [32, d].

    It stays on its device; it runs in evaluation mode and without gradients, and keeps its own
    mode. Its protocol names its class and the sha256 of its state dict. Two modules with the same
    weights but different code are told apart, for the cache only, by their output for seeded noise.

    Raises:
        InputError: it fails on noise in the shape of the reference, its output has the wrong
            shape, or differs between two calls.
    """

    expensive = True
    batch_size = BATCH_SIZE

    def __init__(self, net: nn.Module, reference: Dataset) -> None:
        self.net, self.name = net, type(net).__qualname__
        held = [*net.parameters(), *net.buffers()]
        self.device = held[0].device if held else torch.device("cpu")
        noise = noise_like(reference)
        # Two passes over the same noise show randomness (dropout left on, noise in forward), and
        # their values tell modules with equal weights but different code apart.
        first, again = self(noise).vectors, self(noise).vectors
        if not torch.equal(first, again):
            raise InputError(
                f"features: {self.name} returns different features for the same images; remove the "
                "randomness from its forward."
            )
        self.mark = hashlib.sha256(first.numpy().tobytes()).hexdigest()
        self.protocol: dict[str, Any] = {
            "kind": "module",
            "class": self.name,
            "sha256": weights_hash(net),
            "resize": "none",
            "dim": first.shape[1],
        }

    def run(self, images: Tensor) -> Features:
        x = images.float()
        if images.dim() == 4:
            x = (x / 127.5 - 1).permute(0, 3, 1, 2).contiguous()
        shown = f"float32 {list(x.shape)}"
        try:
            with evaluating(self.net):
                seen = self.net(x.to(self.device))
        except Exception as error:  # a user's module can raise anything
            reason = (str(error).splitlines() or [""])[0]
            raise InputError(
                f"features: {self.name} fails on {shown} with {type(error).__name__}: {reason}."
            ) from error
        if not isinstance(seen, Tensor) or seen.dim() != 2 or len(seen) != len(x):
            got = list(seen.shape) if isinstance(seen, Tensor) else type(seen).__name__
            raise InputError(
                f"features: {self.name} returns {got} for {shown}, but it must return one vector "
                f"per image: floats [{len(x)}, d]."
            )
        return Features(seen, None)


def noise_like(reference: Dataset) -> Tensor:
    """A batch of seeded noise in the shape and dtype of the reference's items."""
    generator, shape = torch.Generator().manual_seed(0), (BATCH_SIZE, *reference.images.shape[1:])
    if reference.spec.is_image:
        return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
    return torch.randn(shape, generator=generator)


@contextmanager
def evaluating(net: nn.Module) -> Iterator[None]:
    """Evaluation mode; afterwards each submodule is in its own mode again."""
    in_training = [part for part in net.modules() if part.training]
    net.eval()
    try:
        yield
    finally:
        for part in in_training:
            part.training = True
