"""Forward passes of the doctor's own that leave no trace in the nets of a running loop."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from saddlepoint.core.randomness import seed_torch


@contextmanager
def isolated(nets: list[nn.Module], seed: int) -> Iterator[None]:
    """Inside, forward passes are repeatable; afterwards everything is as it was before.

    Kept: buffers (BatchNorm's statistics, spectral normalisation's vectors), train or eval mode,
    torch's random numbers on every device of the nets. The nets run as plain modules, because
    batches of another size would make torch.compile compile them again.
    """
    modules = list({m for net in nets for m in net.modules()})
    # By name, because a module may put a new tensor in the place of an old buffer.
    buffers = [
        (module, name, buffer, buffer.detach().clone())
        for module in modules
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
    modes = [(module, module.training) for module in modules]
    compiled = [(net, net._compiled_call_impl) for net in nets]
    with own_stream(seed):
        try:
            for net in nets:
                net._compiled_call_impl = None
            yield
        finally:
            for net, call in compiled:
                net._compiled_call_impl = call
            for module, training in modes:
                module.training = training
            for module, name, buffer, value in buffers:
                # Through .data: a graph that the loop still holds must not see a new version.
                buffer.data.copy_(value)
                module._buffers[name] = buffer


@contextmanager
def own_randomness(seed: int) -> Iterator[None]:
    """Inside, no random stream is touched that the loop uses: for reading the user's data."""
    python, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002 - the loop's
    with own_stream(seed):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy_state)  # noqa: NPY002 - the loop's


@contextmanager
def own_stream(seed: int) -> Iterator[None]:
    """torch's random numbers from `seed` on every device; afterwards the caller's go on."""
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else []
    mps = torch.mps.get_rng_state() if torch.backends.mps.is_available() else None
    with torch.random.fork_rng(devices=devices):
        seed_torch(seed)
        try:
            yield
        finally:
            if mps is not None:
                torch.mps.set_rng_state(mps)


def plain(net: nn.Module) -> nn.Module:
    """The net itself, without the wrappers of torch.compile and of data parallelism."""
    if isinstance(net, nn.DataParallel | nn.parallel.DistributedDataParallel):
        return plain(net.module)
    inner = getattr(net, "_orig_mod", None)
    return plain(inner) if isinstance(inner, nn.Module) else net
