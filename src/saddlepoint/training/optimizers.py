"""The optimisers, fused: one pass over all parameters per step."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from saddlepoint.core.checks import above, between
from saddlepoint.core.contracts import Optimizer
from saddlepoint.core.registry import register
from saddlepoint.core.schedules import along_cosine

BETA2_STEPS = 32
"""Values of beta2 in a run in which it changes."""


def keep_on_device(optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """On a GPU, keep the learning rates and step counts there, where recorded kernels read them."""
    for group in optimizer.param_groups:
        device = group["params"][0].device
        if device.type == "cuda":
            group["lr"] = torch.tensor(group["lr"], dtype=torch.float32, device=device)
            # Adam's bias correction needs its step count, which a recorded step reads on the GPU.
            if "capturable" in group:
                group["capturable"] = True
    return optimizer


@register("adam")
@dataclass(frozen=True, kw_only=True)
class Adam(Optimizer):
    """Adam. Paper: Kingma & Ba 2015, https://arxiv.org/abs/1412.6980, algorithm 1."""

    lr: float = 2e-4
    """Learning rate at the start."""
    beta1: float = 0.5
    """Decay of the mean of gradients; GANs use 0.5 or 0 instead of 0.9."""
    beta2: float = 0.999
    """Decay of the mean of squared gradients."""
    beta2_start: float = 0.0
    """beta2 at the start, from which it rises along half a cosine; 0: as at the end."""
    eps: float = 1e-8
    """Added to the denominator."""
    decay_start: float = 1.0
    """Share of the budget after which the learning rate falls; 1 keeps it constant."""
    decay: Literal["linear", "cosine"] = "linear"
    """How the learning rate falls: along a line, or along half a cosine."""
    final_lr_factor: float = 0.02
    """Learning rate at the end of the budget, as a share of `lr`."""

    def __post_init__(self) -> None:
        above(self, 0, "lr", "eps")
        between(self, 0, 0.9999, "beta1", "beta2", "beta2_start")
        between(self, 0, 1, "decay_start", "final_lr_factor")

    def lr_at(self, progress: float) -> float:
        if self.decay == "linear":
            return super().lr_at(progress)
        done = (progress - self.decay_start) / (1 - self.decay_start) if progress < 1 else 1.0
        constant = self.decay_start >= 1
        return self.lr if constant else along_cosine(self.lr, self.lr * self.final_lr_factor, done)

    def betas_at(self, progress: float) -> tuple[float, float]:
        if not self.beta2_start:
            return (self.beta1, self.beta2)
        # In steps: kernels that are recorded hold it as a constant, and each new value costs a
        # recording.
        done = math.floor(min(1.0, progress) * BETA2_STEPS) / BETA2_STEPS
        return (self.beta1, along_cosine(self.beta2_start, self.beta2, done))

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        parameters = list(parameters)
        # Elsewhere torch has no fused kernel and would raise.
        fused = parameters[0].device.type in ("cpu", "cuda", "mps")
        betas = self.betas_at(0.0)
        return torch.optim.Adam(parameters, lr=self.lr, betas=betas, eps=self.eps, fused=fused)


@register("rmsprop")
@dataclass(frozen=True, kw_only=True)
class RmsProp(Optimizer):
    """RMSprop, the optimiser of WGAN with weight clipping (momentum hurts a moving critic).

    Paper: Hinton, lecture 6e, https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf;
    used by Arjovsky et al. 2017, https://arxiv.org/abs/1701.07875, algorithm 1.
    """

    lr: float = 5e-5
    """Learning rate at the start."""
    alpha: float = 0.99
    """Decay of the mean of squared gradients."""
    eps: float = 1e-8
    """Added to the denominator."""
    decay_start: float = 1.0
    """Share of the budget after which the learning rate falls linearly; 1 keeps it constant."""
    final_lr_factor: float = 0.02
    """Learning rate at the end of the budget, as a share of `lr`."""

    def __post_init__(self) -> None:
        above(self, 0, "lr", "eps")
        between(self, 0, 0.9999, "alpha")
        between(self, 0, 1, "decay_start", "final_lr_factor")

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        # RMSprop has no fused kernel in torch.
        return torch.optim.RMSprop(
            list(parameters), lr=self.lr, alpha=self.alpha, eps=self.eps, foreach=True
        )


@register("momentum")
@dataclass(frozen=True, kw_only=True)
class Momentum(Optimizer):
    """Stochastic gradient descent with momentum, which the first GANs were trained with.

    Paper: Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, algorithm 1.
    """

    lr: float = 0.1
    """Learning rate at the start."""
    momentum: float = 0.5
    """Share of the last step that is taken again."""
    decay_start: float = 1.0
    """Share of the budget after which the learning rate falls linearly; 1 keeps it constant."""
    final_lr_factor: float = 0.02
    """Learning rate at the end of the budget, as a share of `lr`."""

    def __post_init__(self) -> None:
        above(self, 0, "lr")
        between(self, 0, 0.9999, "momentum")
        between(self, 0, 1, "decay_start", "final_lr_factor")

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        parameters = list(parameters)
        fused = parameters[0].device.type in ("cpu", "cuda", "mps")
        return torch.optim.SGD(parameters, lr=self.lr, momentum=self.momentum, fused=fused)
