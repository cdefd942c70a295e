"""How networks are run and named, so that features depend on the image and the weights alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from saddlepoint.core.measures import Features


@contextmanager
def exact_float32(device: torch.device) -> Iterator[None]:
    """No autocast, no TF32 or bfloat16 inside convolutions and products, no search for a faster
    algorithm.

    The caller's settings come back afterwards.
    """
    cudnn, mkldnn, cuda = torch.backends.cudnn, torch.backends.mkldnn, torch.backends.cuda
    settings: list[tuple[Any, str, Any]] = [(cudnn, "benchmark", False)]
    settings.append((cudnn, "deterministic", True))
    if hasattr(cudnn, "conv"):  # PyTorch 2.9 and newer; it forbids to mix these with allow_tf32
        for owner in (cudnn.conv, mkldnn.conv, cuda.matmul, mkldnn.matmul):
            settings.append((owner, "fp32_precision", "ieee"))
    else:
        settings.append((cudnn, "allow_tf32", False))
        settings.append((cuda.matmul, "allow_tf32", False))
    before = [getattr(owner, name) for owner, name, _ in settings]
    try:
        for owner, name, value in settings:
            setattr(owner, name, value)
        with torch.autocast(device.type, enabled=False):
            yield
    finally:
        for (owner, name, _), value in zip(settings, before, strict=True):
            setattr(owner, name, value)


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
