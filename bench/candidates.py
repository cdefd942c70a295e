"""Nets that presets might have, with parts that `Dcgan` lacks: for bench/many_recipes.py."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from saddlepoint.architectures.dcgan import Dcgan, dcgan_init
from saddlepoint.core.contracts import DataSpec

SPEC = DataSpec(shape=(1, 28, 28))


@dataclass(frozen=True, kw_only=True)
class Nets:
    """What a recipe says of its nets. With the defaults: those of `dcgan-r1` in November 2026."""

    latent: int = 16
    g_width: int = 48
    d_width: int = 48
    d_norm: str = "none"
    init: str = "he"
    deviation: bool = False
    parts: int = 0
    """The latent chooses one of so many gains and biases in every norm."""
    mapping: int = 0
    """Fully connected layers between z and what the generator uses."""
    modulated: bool = False
    """Gains and biases of every norm are linear in z (Chen et al. 2019, arXiv:1810.01365)."""
    leak: float = 0.0
    g_extra: bool = False
    """A residual 3x3 convolution after every stage of the generator."""
    residuals: int = 0
    """Stages of the discriminator that end in a residual 3x3 convolution."""
    sphere: bool = False
    """z divided by its length, times the root of its dimension."""

    def build(self) -> tuple[nn.Module, nn.Module]:
        arch: dict[str, Any] = {
            "latent_dim": self.latent,
            "generator_width": self.g_width,
            "discriminator_width": self.d_width,
            "discriminator_norm": self.d_norm,
            "init": self.init,
            "minibatch_stddev": self.deviation,
            "discriminator_residuals": self.residuals,
            "full_resolution": True,
        }
        return Maker(self), Dcgan(**arch).discriminator(SPEC)


class _Residual(nn.Module):
    """x + a 3x3 convolution of it that starts at 0."""

    def __init__(self, width: int, leak: float) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.conv.weight)
        self.leak = leak

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(leaky_relu(x, self.leak))


class _Norm(nn.Module):
    """BatchNorm; its gain and bias are free, of the part, or linear in the latent."""

    def __init__(self, width: int, nets: Nets, latent: int) -> None:
        super().__init__()
        free = not (nets.parts or nets.modulated)
        self.norm = nn.BatchNorm2d(width, affine=free)
        self.width = width
        self.table = nn.Embedding(nets.parts, 2 * width) if nets.parts else None
        self.linear = nn.Linear(latent, 2 * width) if nets.modulated else None
        if free:
            nn.init.normal_(self.norm.weight, 1.0, 0.02)
        if self.table is not None:
            nn.init.normal_(self.table.weight, 0.0, 0.02)
        if self.linear is not None:
            nn.init.normal_(self.linear.weight, 0.0, 0.02)
            nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor, w: Tensor, part: Tensor) -> Tensor:
        x = self.norm(x)
        both = 0
        if self.table is not None:
            both = both + self.table(part)
        if self.linear is not None:
            both = both + self.linear(w)
        if isinstance(both, int):
            return x
        gain, bias = both.to(x.dtype).view(len(x), 2, self.width, 1, 1).unbind(1)
        return torch.addcmul(bias, x, 1 + gain)


class Maker(nn.Module):
    """z float32 [n, latent], part int64 [n] -> images in [-1, 1]."""

    def __init__(self, nets: Nets) -> None:
        super().__init__()
        self.nets = nets
        widths = [nets.g_width * 2, nets.g_width, nets.g_width // 2]
        hidden = 64 if nets.mapping else nets.latent
        layers: list[nn.Module] = []
        for index in range(nets.mapping):
            linear = nn.Linear(nets.latent if index == 0 else hidden, hidden)
            nn.init.kaiming_normal_(linear.weight, 0.2)
            nn.init.zeros_(linear.bias)
            layers += [linear, nn.LeakyReLU(0.2)]
        self.mapping = nn.Sequential(*layers)
        self.project = nn.Linear(hidden + nets.parts, widths[0] * 49, bias=False)
        self.stages = nn.ModuleList(
            nn.ConvTranspose2d(a, b, 4, stride=2, padding=1, bias=False)
            for a, b in pairwise(widths)
        )
        self.norms = nn.ModuleList(_Norm(width, nets, hidden) for width in widths)
        self.head = nn.Conv2d(widths[-1], 1, 3, padding=1)
        for module in (self.project, *self.stages, self.head):
            dcgan_init(module)
        self.extras = (
            nn.ModuleList(_Residual(width, nets.leak) for width in widths) if nets.g_extra else None
        )

    def forward(self, z: Tensor, part: Tensor) -> Tensor:
        if self.nets.sphere:
            z = z * torch.rsqrt(z.square().mean(1, keepdim=True) + 1e-8)
        w = self.mapping(z)
        if self.nets.parts:
            one_hot = (part[:, None] == torch.arange(self.nets.parts, device=z.device)).to(w.dtype)
            h = self.project(torch.cat([w, one_hot], 1))
        else:
            h = self.project(w)
        h = h.view(len(z), -1, 7, 7).contiguous(memory_format=torch.channels_last)
        for index, norm in enumerate(self.norms):
            if index:
                h = self.stages[index - 1](h)
            h = leaky_relu(norm(h, w, part), self.nets.leak)
            if self.extras is not None:
                h = self.extras[index](h)
        return torch.tanh(self.head(h).float())
