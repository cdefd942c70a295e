"""DCGAN: transposed convolutions up, strided convolutions down, for any size that halves to 4-7."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, linear, relu

from saddlepoint.architectures._layers import (
    Modulation,
    Residual,
    in_float32,
    normalise_spectrally,
    pack,
    with_stddev,
)
from saddlepoint.architectures._options import MOST_WIDTH, CommonOptions
from saddlepoint.architectures._sizes import plan, require_reachable
from saddlepoint.architectures.conditioning import (
    ConditionalBatchNorm,
    LabelInput,
    NoNorm,
    Projection,
)
from saddlepoint.core.checks import at_least
from saddlepoint.core.contracts import DataSpec, Discriminator, Generator, Player
from saddlepoint.core.errors import InputError
from saddlepoint.core.registry import register


class DcganGenerator(Generator):
    """z -> project and reshape to base x base -> (4x4 transposed conv, stride 2) ... -> tanh."""

    mixes_labels = True

    def __init__(self, arch: Dcgan, spec: DataSpec) -> None:
        super().__init__()
        self.latent_dim = arch.latent_dim
        self.latent_scale = arch.latent_scale
        self.base, n = plan(spec)
        by_layer = arch.conditioning == "every-layer"
        # A norm moves a whole map; only the input can tell a class's places apart (a trouser's
        # two legs), so the first layer gets the label there as well.
        way = "onehot" if by_layer else arch.conditioning
        self.label = LabelInput(way, spec.n_classes, arch.embedding_dim, arch.label_scale)
        self.label_inputs = self.label.width
        classes = spec.n_classes if by_layer else 0
        widths = [min(arch.generator_width * 2**k, arch.max_width) for k in reversed(range(n))]
        if arch.full_resolution:
            widths.append(max(8, arch.generator_width // 2))
        self.first_width = widths[0]
        size = self.base * self.base
        normed = arch.generator_norm == "batch"  # whose own biases make the layers' superfluous
        inputs = arch.latent_dim + self.label.width
        self.project = nn.Linear(inputs, widths[0] * size, bias=not normed)
        self.stages = nn.ModuleList(
            nn.ConvTranspose2d(a, b, 4, stride=2, padding=1, bias=not normed)
            for a, b in pairwise(widths)
        )
        self.norms = nn.ModuleList(
            ConditionalBatchNorm(width, classes) if normed else NoNorm() for width in widths
        )
        self.modulations = nn.ModuleList(
            Modulation(arch.latent_dim, width) for width in widths if arch.self_modulation
        )
        self.head: nn.Module = (
            nn.Conv2d(widths[-1], spec.channels, 3, padding=1)
            if arch.full_resolution
            else nn.ConvTranspose2d(widths[-1], spec.channels, 4, stride=2, padding=1)
        )
        self.apply(dcgan_init if normed else _he_init)

    def first_layer(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        return self._projected(z if self.latent_scale == 1 else z * self.latent_scale, labels)

    def _projected(self, z: Tensor, labels: Tensor | None) -> Tensor:
        h = self.project(self.label.beside(z, labels))
        h = h.view(z.shape[0], self.first_width, self.base, self.base)
        # Convolutions are faster with channels last, on CPUs and tensor cores alike.
        return self.norms[0](h.contiguous(memory_format=torch.channels_last), labels)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        z = z if self.latent_scale == 1 else z * self.latent_scale
        h = self._projected(z, labels)
        for index, norm in enumerate(self.norms):
            if index:
                h = norm(self.stages[index - 1](h), labels)
            if self.modulations:
                h = self.modulations[index](h, z)
            h = relu(h, inplace=True)
        return torch.tanh(self.head(h).float())


class DcganDiscriminator(Discriminator):
    """(4x4 conv, stride 2, LeakyReLU 0.2) ... -> base x base -> one logit."""

    def __init__(self, arch: Dcgan, spec: DataSpec) -> None:
        super().__init__()
        base, n = plan(spec)
        self.n_classes = spec.n_classes if arch.conditioning != "none" else 0
        self.label = LabelInput(
            arch.conditioning, spec.n_classes, arch.embedding_dim, arch.label_scale
        )
        depth = min(n, arch.discriminator_depth or n)
        widths = [min(arch.discriminator_width * 2**k, arch.max_width) for k in range(depth)]
        # Packed items lie beside each other as channels, each with its label.
        self.packing = arch.packing
        self.label_inputs = self.label.width if arch.packing == 1 else 0
        channels = arch.packing * (spec.channels + self.label.width)
        self.stem = None
        if arch.full_resolution:
            narrow = max(8, arch.discriminator_width // 2)
            self.stem = nn.Conv2d(channels, narrow, 3, padding=1)
            channels = narrow
        normed = arch.discriminator_norm == "batch"
        # The batch's deviation enters late, where features mean something: before the last stage.
        self.stddev_at = depth - 1 if arch.minibatch_stddev else None
        self.stages = nn.ModuleList(
            nn.Conv2d(a + (i == self.stddev_at), b, 4, 2, 1, bias=not normed or a == channels)
            for i, (a, b) in enumerate(pairwise([channels, *widths]))
        )
        # No normalisation next to the images (the paper, section 3).
        self.norms = nn.ModuleList(
            ConditionalBatchNorm(width) if normed and index else NoNorm()
            for index, width in enumerate(widths)
        )
        plain = max(0, depth - arch.discriminator_residuals)
        self.residuals = nn.ModuleList(
            nn.Identity() if index < plain else Residual(width)
            for index, width in enumerate(widths)
        )
        self.dropout = nn.Dropout2d(arch.dropout)
        self.head = nn.Conv2d(widths[-1], 1, base * 2 ** (n - depth))
        by_layer = arch.conditioning == "every-layer"
        self.projection = Projection(spec.n_classes, widths[-1]) if by_layer else None
        self.apply(dcgan_init if arch.init == "dcgan" else _he_init)
        for residual in self.residuals:
            if isinstance(residual, Residual):
                residual.start_near_zero()
        # Last: it takes the weights as they have been initialised.
        if arch.discriminator_norm == "spectral":
            normalise_spectrally(self)
        self.per_image = arch.discriminator_norm == "none" and arch.judges_alone

    def hidden_layers(self) -> Sequence[Sequence[nn.Module]]:
        stem: list[Sequence[nn.Module]] = [] if self.stem is None else [(self.stem,)]
        return [*stem, *zip(self.stages, self.norms, self.residuals, strict=True)]

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        h = pack(self.label.beside(images, labels), self.packing)
        if self.stem is not None:
            h = leaky_relu(self.stem(h), 0.2, inplace=True)
        layers = zip(self.stages, self.norms, self.residuals, strict=True)
        for index, (stage, norm, residual) in enumerate(layers):
            if index == self.stddev_at:
                h = with_stddev(h)
            h = residual(norm(stage(h), None))
            h = self.dropout(leaky_relu(h, 0.2, inplace=True))
        with in_float32(h):
            h = h.float()
            # The head's kernel covers its whole input: one product a sample. As a convolution it
            # takes two to seven times as long (docs/log.md, "The discriminator's head").
            weight = self.head.weight.permute(0, 2, 3, 1).flatten(1)
            logits = linear(h.permute(0, 2, 3, 1).flatten(1), weight, self.head.bias).flatten()
            return logits + self.projection(h.sum((2, 3)), labels) if self.projection else logits


def dcgan_init(module: nn.Module) -> None:
    """Weights from N(0, 0.02), biases 0 (the paper, section 4). Norms initialise themselves."""
    if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _he_init(module: nn.Module) -> None:
    """He's initialisation for LeakyReLU 0.2: keeps the signal's size without normalisation."""
    if isinstance(module, nn.ConvTranspose2d):
        # Each output pixel sums over the input's channels at a quarter of the kernel's places.
        reach = module.in_channels * math.prod(module.kernel_size) / math.prod(module.stride)
        nn.init.normal_(module.weight, 0.0, (2 / (1 + 0.2**2) / reach) ** 0.5)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    if isinstance(module, nn.Linear | nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, 0.2)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


@register("dcgan")
@dataclass(frozen=True, kw_only=True)
class Dcgan(CommonOptions):
    """Convolutional generator and discriminator.

    Paper: Radford et al. 2016, https://arxiv.org/abs/1511.06434, sections 3 and 4, figure 1.
    Differs from the paper: any size base * 2^n with base 4 to 7 (the paper: 64 only), 4x4
    kernels instead of 5x5, widths by field.
    """

    generator_width: int = 64
    """Channels of the generator's last hidden stage; each earlier one has twice as many."""
    discriminator_width: int = 64
    """Channels of the discriminator's first stage; each later one has twice as many."""
    max_width: int = 512
    """No stage has more channels than this."""
    generator_norm: Literal["batch", "none"] = "batch"
    """BatchNorm in the generator; none starts from He's weights instead of the paper's."""
    discriminator_norm: Literal["batch", "none", "spectral"] = "batch"
    """BatchNorm in the discriminator, none (needed by gradient penalties), or spectral norm."""
    discriminator_depth: int = 0
    """At most this many stages in the discriminator; fewer make it weaker; 0: no limit."""
    self_modulation: bool = False
    """The generator's norms have gains and biases of the latent too; for variety."""
    discriminator_residuals: int = 0
    """So many of its last stages end in a residual 3x3 convolution; each makes it stronger."""
    full_resolution: bool = False
    """Add a stage of 3x3 convolutions at the images' own resolution to both nets."""
    init: Literal["dcgan", "he"] = "dcgan"
    """The discriminator's first weights: the paper's N(0, 0.02), or He's without BatchNorm."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, 0, "discriminator_depth", "discriminator_residuals")
        at_least(self, 2, "generator_width", "discriminator_width", "max_width", most=MOST_WIDTH)

    def check(self, spec: DataSpec) -> None:
        if self.conditioning == "every-layer" and self.generator_norm == "none":
            raise InputError(
                "dcgan: conditioning=every-layer needs BatchNorm, which carries the label; use "
                "--arch.generator-norm batch."
            )
        require_reachable("dcgan", spec)

    def generator(self, spec: DataSpec) -> DcganGenerator:
        return DcganGenerator(self, spec)

    def discriminator(self, spec: DataSpec) -> DcganDiscriminator:
        return DcganDiscriminator(self, spec)

    def label_in_every_layer(self) -> dict[str, Any]:
        found = super().label_in_every_layer()
        if found and self.generator_norm == "none":
            found["generator_norm"] = "batch"  # it carries the label
        return found

    def without_batch_norm(self) -> dict[str, Any]:
        if self.discriminator_norm != "batch":
            return {}
        # The paper's small weights count on BatchNorm to scale them up.
        return {"discriminator_norm": "none", "init": "he"}

    def with_spectral_norm(self) -> dict[str, Any]:
        return {} if self.discriminator_norm == "spectral" else {"discriminator_norm": "spectral"}

    def width_of(self, player: Player) -> int:
        return self.generator_width if player == "generator" else self.discriminator_width

    def stronger(self, player: Player) -> dict[str, Any]:
        # What holds the net back goes first; then it grows.
        found = self.without_dropout(player)
        if player == "discriminator" and self.discriminator_depth:
            found["discriminator_depth"] = 0
        widest = max(self.generator_width, self.discriminator_width)
        if self.width_of(player) < widest:
            found[f"{player}_width"] = widest
        return found

    def weaker_discriminator(self) -> dict[str, Any]:
        if self.discriminator_residuals:
            return {"discriminator_residuals": 0}
        # Two stages still see the whole image through the head.
        return {} if self.discriminator_depth in (1, 2) else {"discriminator_depth": 2}
