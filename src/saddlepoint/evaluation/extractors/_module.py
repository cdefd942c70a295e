"""Features of a network that the caller has: any torch module, in the Python API only."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from saddlepoint.core.contracts import Dataset
from saddlepoint.core.errors import InputError
from saddlepoint.core.measures import Features, LoadedExtractor
from saddlepoint.evaluation.extractors._networks import exact_float32, vectors_of, weights_hash

BATCH_SIZE = 32


class LoadedModule(LoadedExtractor):
    """A module float32 [32, c, h, w] in [-1, 1] (or [32, 2] for points) -> floats [32, d].

    It stays on its device and keeps its mode: while it looks, it is in evaluation mode and without
    gradients. Always 32 images at once, so that features do not depend on how many there are. Its
    protocol names its class and the sha256 of its state dict; what its code does is told apart, for
    the cache only, by what it answers to seeded noise.

    Raises:
        InputError: it fails on noise in the shape of the reference, answers in another shape, or
            answers twice differently.
    """

    dear = True

    def __init__(self, net: nn.Module, reference: Dataset) -> None:
        self.net, self.name = net, type(net).__qualname__
        held = [*net.parameters(), *net.buffers()]
        self.device = held[0].device if held else torch.device("cpu")
        noise = noise_like(reference)
        self.n_features = self._checked(noise).shape[1]
        first, again = self(noise).vectors, self(noise).vectors
        if not torch.equal(first, again):
            raise InputError(
                f"features: {self.name} answers the same images differently each time; take the "
                "randomness out of its forward."
            )
        self.mark = hashlib.sha256(first.numpy().tobytes()).hexdigest()
        self.protocol: dict[str, Any] = {
            "kind": "module",
            "class": self.name,
            "sha256": weights_hash(net),
            "resize": "none",
            "dim": self.n_features,
        }

    def __call__(self, images: Tensor) -> Features:
        return Features(vectors_of(images, self.n_features, BATCH_SIZE, self._checked), None)

    def _checked(self, images: Tensor) -> Tensor:
        x = images.float()
        if images.dim() == 4:
            x = (x / 127.5 - 1).permute(0, 3, 1, 2).contiguous()
        shown = f"float32 {list(x.shape)}"
        try:
            with torch.no_grad(), exact_float32(self.device), evaluating(self.net):
                seen = self.net(x.to(self.device))
        except Exception as error:  # whatever a user's module may raise is the module's fault
            reason = (str(error).splitlines() or [""])[0]
            raise InputError(
                f"features: {self.name} fails on {shown} with {type(error).__name__}: {reason}."
            ) from error
        if not isinstance(seen, Tensor) or seen.dim() != 2 or len(seen) != len(x):
            got = list(seen.shape) if isinstance(seen, Tensor) else type(seen).__name__
            raise InputError(
                f"features: {self.name} makes {got} of {shown}, but it must make a vector of each "
                f"image: floats [{len(x)}, d]."
            )
        return seen


def noise_like(reference: Dataset) -> Tensor:
    """A batch of seeded noise in the shape and dtype of the reference's items."""
    generator, shape = torch.Generator().manual_seed(0), (BATCH_SIZE, *reference.images.shape[1:])
    if reference.spec.is_image:
        return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
    return torch.randn(shape, generator=generator)


@contextmanager
def evaluating(net: nn.Module) -> Iterator[None]:
    """Evaluation mode; each part has its own mode again afterwards."""
    in_training = [part for part in net.modules() if part.training]
    net.eval()
    try:
        yield
    finally:
        for part in in_training:
            part.training = True
