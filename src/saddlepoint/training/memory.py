"""Whether a training fits into the memory, worked out from shapes before anything is built."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from saddlepoint.core.config import Config
from saddlepoint.core.contracts import DataSpec, Generator
from saddlepoint.core.limits import require_memory

_COPIES = 4
"""Of each parameter: itself, its gradient, and the two moments of Adam; others keep less."""


def require_memory_for(config: Config, spec: DataSpec) -> None:
    """Raises InputError where the nets, their optimisers, one batch or a grid of samples certainly
    need more memory than the device of `config` has left.

    A lower estimate: what a step needs for a moment, and what fragments, is not in it.
    """
    train, device = config.train, torch.device(config.train.device)
    # Meta tensors have shapes and no values. Nets of a plug-in that cannot be built of them, as
    # they look at values, are not judged.
    try:
        with torch.device("meta"):
            nets = config.arch.generator(spec), config.arch.discriminator(spec)
            part = train.batch_size // train.accumulate
            activations = _activations(*nets, part, spec)
    except (RuntimeError, TypeError, ValueError):
        return
    generator, discriminator = (_size(net) for net in nets)
    item = 4 * math.prod(spec.shape)
    needs = {
        # The average is one more generator.
        "--arch (its widths and --arch.latent-dim)": (_COPIES + 1) * generator
        + _COPIES * discriminator,
        f"--train.batch-size {train.batch_size:,}": activations,
        f"--train.n-samples {train.n_samples:,}": 2 * item * train.n_samples,
    }
    largest = max(needs, key=lambda name: needs[name])
    left = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else None
    require_memory(sum(needs.values()), f"This training on {device}", f"lower {largest}", left)


def _size(net: nn.Module) -> int:
    """Bytes of parameters and buffers."""
    return sum(tensor.nbytes for tensor in (*net.parameters(), *net.buffers()))


def _activations(generator: Generator, discriminator: nn.Module, n: int, spec: DataSpec) -> int:
    """Bytes of what every layer returns for n items, kept for the way back through both nets."""
    found = 0

    def add(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal found
        found += output.nbytes

    # Containers return what their last layer has returned.
    for module in (*generator.modules(), *discriminator.modules()):
        if not list(module.children()):
            module.register_forward_hook(add)
    labels = torch.zeros(n, dtype=torch.long) if spec.n_classes else None
    discriminator(generator(torch.empty(n, generator.latent_dim), labels), labels)
    return found
