"""The nets of the most copied DCGAN script for 32x32: upsampling and 3x3 convolutions.

Only for bench/throughput.py: beside the paper's transposed convolutions, these are the nets that
people who search for "dcgan pytorch" run. The layers and widths are theirs; the text is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

from saddlepoint.architectures.dcgan import dcgan_init
from saddlepoint.core.contracts import (
    Architecture,
    Conditioning,
    DataSpec,
    Discriminator,
    Generator,
)

SMALLEST = 8


class UpsampleGenerator(Generator):
    """z -> Linear to 128 x 8 x 8 -> twice (upsample, 3x3 conv, BatchNorm, LeakyReLU) -> tanh."""

    def __init__(self, latent_dim: int, spec: DataSpec) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        layers: list[nn.Module] = [
            nn.Linear(latent_dim, 128 * SMALLEST**2),
            nn.Unflatten(1, (128, SMALLEST, SMALLEST)),
            nn.BatchNorm2d(128),
        ]
        for a, b in pairwise((128, 128, 64)):
            layers += [nn.Upsample(scale_factor=2), nn.Conv2d(a, b, 3, padding=1)]
            layers += [nn.BatchNorm2d(b), nn.LeakyReLU(0.2, inplace=True)]
        layers += [nn.Conv2d(64, spec.channels, 3, padding=1)]
        self.layers = nn.Sequential(*layers).apply(dcgan_init)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.layers(z).float().tanh()


class UpsampleDiscriminator(Discriminator):
    """Four times (3x3 conv of stride 2, LeakyReLU, Dropout2d, BatchNorm) -> Linear."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for a, b in pairwise((spec.channels, 16, 32, 64, 128)):
            layers += [nn.Conv2d(a, b, 3, stride=2, padding=1)]
            layers += [nn.LeakyReLU(0.2, inplace=True), nn.Dropout2d(0.25)]
            layers += [nn.BatchNorm2d(b)] if a > spec.channels else []
        layers += [nn.Flatten(), nn.Linear(128 * (spec.size // 16) ** 2, 1), nn.Flatten(0)]
        self.layers = nn.Sequential(*layers).apply(dcgan_init)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.layers(images).float()


@dataclass(frozen=True, kw_only=True)
class UpsampleDcgan(Architecture):
    """Both nets, for 32x32 only."""

    latent_dim: int = 100
    conditioning: Conditioning = "none"

    def check(self, spec: DataSpec) -> None:
        assert spec.size == 4 * SMALLEST

    def generator(self, spec: DataSpec) -> UpsampleGenerator:
        return UpsampleGenerator(self.latent_dim, spec)

    def discriminator(self, spec: DataSpec) -> UpsampleDiscriminator:
        return UpsampleDiscriminator(spec)
