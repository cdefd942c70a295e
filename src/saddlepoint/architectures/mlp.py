"""Fully connected nets: the first GAN. The only family that also learns 2-D points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn

from saddlepoint.architectures._layers import (
    in_float32,
    normalise_spectrally,
    pack,
    with_stddev,
)
from saddlepoint.architectures._options import MOST_WIDTH, CommonOptions
from saddlepoint.architectures.conditioning import (
    ConditionalBatchNorm,
    LabelInput,
    NoNorm,
    Projection,
)
from saddlepoint.core.checks import between
from saddlepoint.core.contracts import DataSpec, Discriminator, Generator, Player
from saddlepoint.core.errors import InputError
from saddlepoint.core.registry import register


class MlpGenerator(Generator):
    """z -> hidden layers (BatchNorm, LeakyReLU) -> tanh for images, linear for points."""

    mixes_labels = True

    def __init__(self, arch: Mlp, spec: DataSpec) -> None:
        super().__init__()
        self.latent_dim = arch.latent_dim
        self.latent_scale = arch.latent_scale
        self.leak = arch.leak
        self.spec = spec
        self.label = LabelInput(
            arch.conditioning, spec.n_classes, arch.embedding_dim, arch.label_scale
        )
        self.label_inputs = self.label.width
        classes = spec.n_classes if arch.conditioning == "every-layer" else 0
        widths = [arch.latent_dim + self.label.width, *arch.generator_widths]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.norms = nn.ModuleList(
            ConditionalBatchNorm(b, classes) if arch.generator_norm == "batch" else NoNorm()
            for b in widths[1:]
        )
        self.head = nn.Linear(widths[-1], math.prod(spec.shape))

    def first_layer(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        z = z if self.latent_scale == 1 else z * self.latent_scale
        return self.norms[0](self.layers[0](self.label.beside(z, labels)), labels)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        h = nn.functional.leaky_relu(self.first_layer(z, labels), self.leak)
        for layer, norm in zip([*self.layers][1:], [*self.norms][1:], strict=True):
            h = nn.functional.leaky_relu(norm(layer(h), labels), self.leak)
        # Images and logits stay float32: 8 bits of mantissa would round them to visible steps.
        with in_float32(h):
            out = self.head(h.float())
        out = torch.tanh(out) if self.spec.value_range is not None else out
        return out.view(z.shape[0], *self.spec.shape)


class MlpDiscriminator(Discriminator):
    """Flat image -> hidden layers (LeakyReLU, optional dropout) -> one logit."""

    def __init__(self, arch: Mlp, spec: DataSpec) -> None:
        super().__init__()
        self.n_classes = spec.n_classes if arch.conditioning != "none" else 0
        self.label = LabelInput(
            arch.conditioning, spec.n_classes, arch.embedding_dim, arch.label_scale
        )
        self.packing = arch.packing
        self.leak = arch.leak
        self.label_inputs = self.label.width if arch.packing == 1 else 0
        first = arch.packing * (math.prod(spec.shape) + self.label.width)
        widths = [first, *arch.discriminator_widths]
        # The batch's deviation enters late, where features mean something, but not so late that
        # only the linear head could use it.
        self.stddev_at = len(widths) - 2 if arch.minibatch_stddev else None
        self.layers = nn.ModuleList(
            nn.Linear(a + (index == self.stddev_at), b)
            for index, (a, b) in enumerate(pairwise(widths))
        )
        self.dropout = nn.Dropout(arch.dropout)
        self.head = nn.Linear(widths[-1], 1)
        by_layer = arch.conditioning == "every-layer"
        self.projection = Projection(spec.n_classes, widths[-1]) if by_layer else None
        if arch.discriminator_norm == "spectral":
            normalise_spectrally(self)
        self.per_image = arch.discriminator_norm == "none" and arch.judges_alone

    def hidden_layers(self) -> Sequence[Sequence[nn.Module]]:
        return [[layer] for layer in self.layers]

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        h = pack(self.label.beside(images.flatten(1), labels), self.packing)
        for index, layer in enumerate(self.layers):
            if index == self.stddev_at:
                h = with_stddev(h)
            h = self.dropout(nn.functional.leaky_relu(layer(h), self.leak))
        with in_float32(h):
            h = h.float()
            logits = self.head(h).squeeze(1)
            return logits + self.projection(h, labels) if self.projection else logits


NARROWEST = 64
"""Least width of a hidden layer of a net that is made stronger."""


@register("mlp")
@dataclass(frozen=True, kw_only=True)
class Mlp(CommonOptions):
    """Fully connected generator and discriminator.

    Paper: Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, section 5. Differs from the
    paper: LeakyReLU and BatchNorm in the generator instead of ReLU/sigmoid, LeakyReLU in the
    discriminator instead of maxout.
    """

    generator_widths: tuple[int, ...] = (256, 512, 1024)
    """Widths of the generator's hidden layers, from z on; fewer layers make it weaker."""
    discriminator_widths: tuple[int, ...] = (512, 256)
    """Widths of the discriminator's hidden layers; fewer layers make it weaker."""
    generator_norm: Literal["batch", "none"] = "batch"
    """BatchNorm in the generator, or none, which lets it collapse more easily."""
    discriminator_norm: Literal["none", "spectral"] = "none"
    """Spectral norm in the discriminator, or none."""
    leak: float = 0.2
    """Slope of hidden units below 0, in both nets. At 0 (ReLU) whole regions of z can become one
    narrow mode, and fewer points lie between modes."""

    def __post_init__(self) -> None:
        super().__post_init__()
        between(self, 0, 1, "leak")
        for field in ("generator_widths", "discriminator_widths"):
            widths = getattr(self, field)
            if not 1 <= len(widths) <= 100 or not all(1 <= w <= MOST_WIDTH for w in widths):
                raise InputError(
                    f"Mlp: {field} needs 1 to 100 widths, each between 1 and {MOST_WIDTH:,}."
                )

    def check(self, spec: DataSpec) -> None:
        if self.conditioning == "every-layer" and self.generator_norm == "none":
            raise InputError(
                "mlp: conditioning=every-layer needs BatchNorm, which carries the label; use "
                "--arch.generator-norm batch."
            )
        if spec.is_image and not 4 <= spec.size <= 256:
            raise InputError(f"mlp: images of {spec.size} px are outside 4 to 256 px; resize them.")

    def generator(self, spec: DataSpec) -> MlpGenerator:
        return MlpGenerator(self, spec)

    def discriminator(self, spec: DataSpec) -> MlpDiscriminator:
        return MlpDiscriminator(self, spec)

    def label_in_every_layer(self) -> dict[str, Any]:
        found = super().label_in_every_layer()
        if found and self.generator_norm == "none":
            found["generator_norm"] = "batch"  # it carries the label
        return found

    def with_spectral_norm(self) -> dict[str, Any]:
        return {} if self.discriminator_norm == "spectral" else {"discriminator_norm": "spectral"}

    def width_of(self, player: Player) -> int:
        return max(self.generator_widths if player == "generator" else self.discriminator_widths)

    def stronger(self, player: Player) -> dict[str, Any]:
        found = self.without_dropout(player)
        now, other = self.generator_widths, self.discriminator_widths
        if player == "discriminator":
            now, other = other, now
        # The other's layers in reverse: one net widens where its counterpart narrows.
        wanted = tuple(max(width, NARROWEST) for width in reversed(other))
        # Half as wide counts as large enough: then its size is not why it is beaten.
        if len(now) < len(wanted) or max(now) < max(wanted) / 2:
            found[f"{player}_widths"] = wanted
        return found

    def weaker_discriminator(self) -> dict[str, Any]:
        *kept, _ = self.discriminator_widths
        return {"discriminator_widths": tuple(kept)} if kept else {}
