"""Tensors whose values have to be exact: full precision, and a hash that names them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor


@contextmanager
def exact_float32(device: torch.device) -> Iterator[None]:
    """No autocast, no TF32 or bfloat16 in convolutions and matrix products, no search for a faster
    algorithm; the caller's settings come back afterwards.

    TF32 keeps 10 bits: too few for distances, and a GPU would draw other images than a CPU.
    """
    cudnn, mkldnn, cuda = torch.backends.cudnn, torch.backends.mkldnn, torch.backends.cuda
    # A search for the fastest algorithm may end differently each time, and so may the last bits.
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


def weights_sha256(weights: Mapping[str, Tensor]) -> str:
    """sha256 of names and values, so that a file on its own can tell that it is damaged."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        value = weights[name].detach().cpu().contiguous()
        # The shape and type as well: the same bytes in another shape are other weights.
        digest.update(f"{name} {value.dtype} {list(value.shape)}".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
