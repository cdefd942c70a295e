"""How networks are run and named, so that features depend on the image and the weights alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


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


def vectors_of(
    images: Tensor, n_features: int, batch_size: int, look: Callable[[Tensor], Tensor]
) -> Tensor:
    """float32 [n, n_features] on the CPU: what `look` sees, always in `batch_size` images at once.

    The last batch is filled up: which algorithm multiplies, and with it the last bits, depends on
    the number.
    """
    vectors = torch.empty(len(images), n_features)
    for start in range(0, len(images), batch_size):
        rows = images[start : start + batch_size]
        filling = rows[-1:].expand(batch_size - len(rows), *rows.shape[1:])
        vectors[start : start + len(rows)] = look(torch.cat([rows, filling]))[: len(rows)].cpu()
    return vectors


def weights_hash(net: nn.Module) -> str:
    """sha256 over names and values of all weights and buffers."""
    digest = hashlib.sha256()
    for name, value in sorted(net.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()
