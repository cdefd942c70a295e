"""How networks are run and named, so that features depend on the image and the weights alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import torch
from torch import Tensor, nn

from saddlepoint.core.measures import Features


def in_batches(images: Tensor, batch_size: int, run: Callable[[Tensor], Features]) -> Features:
    """Features of n images on the CPU, from batches that all have `batch_size` images.

    Args:
        images: uint8 [n, h, w, c], or float32 [n, 2] for points.
    """
    vectors, logits = [], []
    for rows in images.split(batch_size):
        # The last batch is filled up: the size of a batch decides which algorithm multiplies,
        # and with it the last bits.
        filling = rows.new_zeros(batch_size - len(rows), *rows.shape[1:])
        with torch.no_grad():
            found = run(torch.cat([rows, filling]))
        vectors.append(found.vectors[: len(rows)].float().cpu())
        if found.logits is not None:
            logits.append(found.logits[: len(rows)].float().cpu())
    return Features(torch.cat(vectors), torch.cat(logits) if logits else None)


def weights_hash(net: nn.Module) -> str:
    """sha256 over names and values of all weights and buffers.

    It stands in the protocol of every score: other bytes here would make old scores incomparable.
    """
    digest = hashlib.sha256()
    for name, value in sorted(net.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()
