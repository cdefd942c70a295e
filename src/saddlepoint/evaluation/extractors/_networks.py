"""How networks are run and named, so that features depend on the image and the weights alone."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

from saddlepoint.core.measures import Features, LoadedExtractor
from saddlepoint.core.tensors import exact_float32

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


def with_weights(build: Callable[[], NetT], tensors: Mapping[str, Tensor]) -> NetT:
    """The network with the given tensors, in evaluation mode and not trainable.

    Args:
        tensors: a state dict; the batch counters in some files are ignored.

    Raises:
        RuntimeError: a tensor is missing, unknown or of another shape.
    """
    with torch.device("meta"):  # no memory and no time for initial weights
        net = build()
    counted = ".num_batches_tracked"
    kept = {name: tensor for name, tensor in tensors.items() if not name.endswith(counted)}
    net.load_state_dict(kept, assign=True)
    return net.float().eval().requires_grad_(False)


def weights_hash(net: nn.Module) -> str:
    """sha256 over names and values of all weights and buffers.

    It stands in the protocol of every score: other bytes here would make old scores incomparable.
    """
    digest = hashlib.sha256()
    for name, value in sorted(net.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()
