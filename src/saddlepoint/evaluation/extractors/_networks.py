"""How networks are run and named, so that features depend on the image and the weights alone."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from saddlepoint.core.contracts import Dataset
from saddlepoint.core.errors import InputError
from saddlepoint.core.measures import Features, LoadedExtractor
from saddlepoint.core.tensors import exact_float32
from saddlepoint.core.unfilled import unfilled

NetT = TypeVar("NetT", bound=nn.Module)


class LoadedNetwork(LoadedExtractor):
    """A network that runs on batches of one size, in full float32 precision."""

    device = torch.device("cpu")
    batch_size: int
    """Images in every batch."""

    @abstractmethod
    def run(self, images: Tensor) -> Features:
        """Features of one batch, on any device; `images` as for `__call__`, on the CPU."""

    def __call__(self, images: Tensor) -> Features:
        vectors, logits = [], []
        with torch.no_grad(), exact_float32(self.device):
            for rows in images.split(self.batch_size):
                # The last batch is filled up: the size of a batch decides which algorithm
                # multiplies, and with it the last bits.
                filling = rows.new_zeros(self.batch_size - len(rows), *rows.shape[1:])
                found = self.run(torch.cat([rows, filling]))
                vectors.append(found.vectors[: len(rows)].float().cpu())
                if found.logits is not None:
                    logits.append(found.logits[: len(rows)].float().cpu())
        return Features(torch.cat(vectors), torch.cat(logits) if logits else None)


class GivenNetwork(LoadedNetwork):
    """A network that the user brings: it may fail, and its output may not be features."""

    expensive = True
    batch_size = 32  # of an unknown network: small enough for the memory of a large one
    name: str
    """For messages."""

    @abstractmethod
    def prepared(self, images: Tensor) -> Tensor:
        """A batch as for `__call__` -> the network's input, float32."""

    @abstractmethod
    def output(self, x: Tensor) -> object:
        """What the network gives for a prepared batch."""

    def run(self, images: Tensor) -> Features:
        x = self.prepared(images)
        shown = f"float32 {list(x.shape)}"
        try:
            seen = self.output(x)
        except Exception as error:  # somebody else's network can raise anything
            raise InputError(
                f"features: {self.name} fails on {shown} with {type(error).__name__}: "
                f"{first_line(error)}."
            ) from error
        if not isinstance(seen, Tensor) or seen.dim() != 2 or len(seen) != len(x):
            got = list(seen.shape) if isinstance(seen, Tensor) else type(seen).__name__
            raise InputError(
                f"features: {self.name} returns {got} for {shown}, but it must return one vector "
                f"per image: floats [{len(x)}, d]."
            )
        return Features(seen, None)


class LoadedModule(GivenNetwork):
    """A module float32 [32, c, h, w] in [-1, 1] (or [32, 2] for points) -> floats [32, d].

    It stays on its device; it runs in evaluation mode and without gradients, and keeps its own
    mode. Its protocol names its class and the sha256 of its state dict. Two modules with the same
    weights but different code are told apart, for the cache only, by their output for seeded noise.

    Raises:
        InputError: it fails on noise in the shape of the reference, its output has the wrong
            shape, or differs between two calls.
    """

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

    def prepared(self, images: Tensor) -> Tensor:
        x = images.float()
        return (x / 127.5 - 1).permute(0, 3, 1, 2).contiguous() if images.dim() == 4 else x

    def output(self, x: Tensor) -> object:
        with evaluating(self.net):
            return self.net(x.to(self.device))


def noise_like(reference: Dataset) -> Tensor:
    """A batch of seeded noise in the shape and dtype of the reference's items."""
    generator, shape = (
        torch.Generator().manual_seed(0),
        (LoadedModule.batch_size, *reference.images.shape[1:]),
    )
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


def first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def with_weights(build: Callable[[], NetT], tensors: Mapping[str, Tensor]) -> NetT:
    """The network with the given tensors, in evaluation mode and not trainable.

    Args:
        tensors: a state dict; the batch counters in some files are ignored.

    Raises:
        RuntimeError: a tensor is missing, unknown or of another shape.
    """
    with unfilled():
        net = build()
    counted = ".num_batches_tracked"
    kept = {name: tensor for name, tensor in tensors.items() if not name.endswith(counted)}
    net.load_state_dict(kept, assign=True)
    return net.float().eval().requires_grad_(False)


def weights_hash(net: nn.Module) -> str:
    """sha256 over names and values of all weights and buffers.

    It is part of the protocol of every score: another way of hashing (as in core/tensors.py) would
    make old scores incomparable with new ones.
    """
    digest = hashlib.sha256()
    for name, value in sorted(net.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()
