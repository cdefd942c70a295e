"""How much arithmetic a training step is, counted on tensors that have no values."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from saddlepoint.core.config import Config
from saddlepoint.core.contracts import DataSpec

N = 2
"""Images of the counted batch: minibatch statistics need two."""
aten = torch.ops.aten


class Counting(TorchDispatchMode):
    """Adds up the floating-point operations of whatever runs inside; an addition and a
    multiplication are two."""

    total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if func._overloadpacket is aten.convolution:
            self.total += _convolution(args[0], args[1], out, transposed=args[6])
        elif func._overloadpacket is aten.convolution_backward:
            grad, image, weight = args[:3]
            once = _convolution(image, weight, grad, transposed=args[7])
            # For the gradient of the image, of the weights, or of both.
            self.total += once * sum(args[10][:2])
        elif func._overloadpacket in flop_registry:
            count = flop_registry[func._overloadpacket]
            self.total += count(*args, **(kwargs or {}), out_val=out)
        return out


def _convolution(image: Any, weight: Any, out: Any, transposed: bool) -> int:
    """PyTorch's own count of the backward pass forgets that channels are in groups."""
    places = image if transposed else out
    return 2 * places.numel() * weight[0].numel()


def flops_per_image(config: Config, spec: DataSpec) -> float:
    """Of one step of both players, for each image of the batch; a lazy penalty counts its share."""
    with torch.device("meta"):
        generator, critic = config.arch.generator(spec), config.arch.discriminator(spec)
        z, real = torch.empty(N, generator.latent_dim), torch.empty(N, *spec.shape)
    with Counting() as of_critic:
        fake = generator(z).detach()
        config.loss.discriminator(critic(real), critic(fake)).mean().backward()
    with Counting() as of_generator:
        real_logits = critic(real).detach()
        config.loss.generator(critic(generator(z)), real_logits).mean().backward()
    total = config.train.n_critic * of_critic.total + of_generator.total
    for penalty in config.penalties:
        with Counting() as of_penalty:
            penalty(critic, real, fake, None).mean().backward()
        total += config.train.n_critic * of_penalty.total / penalty.every
    # An image is one that the critic sees, as in images/s.
    return total / N / config.train.n_critic
