"""R3GAN: residual nets without normalisation, for losses whose gradients are well behaved."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, leaky_relu, pad

from saddlepoint.architectures._layers import in_float32
from saddlepoint.architectures._options import MOST_WIDTH
from saddlepoint.architectures._sizes import plan, require_reachable
from saddlepoint.architectures._twice import TwiceConv2d
from saddlepoint.architectures.conditioning import LabelInput, looked_up
from saddlepoint.core.checks import at_least
from saddlepoint.core.contracts import (
    Architecture,
    Conditioning,
    DataSpec,
    Discriminator,
    Generator,
)
from saddlepoint.core.errors import InputError
from saddlepoint.core.registry import register

BLOCKS = 2
"""Residual blocks in a stage, which is all that works at one resolution."""
EXPANSION = 2
"""Width inside a block, as a multiple of the width outside."""
GROUP = 16
"""Channels in a group of a block's 3x3 convolution."""
FULL_WIDTH_UP_TO = 32
"""Pixels; beyond it, each doubling of the resolution halves the width."""
HALVED = 4
"""Stages that take part in bf16 autocast: the finest ones, and never the coarsest of all."""


def init(layer: nn.Conv2d | nn.Linear, gain: float = 1.0) -> None:
    """Weights from N(0, gain / sqrt(fan-in)), biases 0."""
    fan_in = layer.weight[0].numel()
    nn.init.normal_(layer.weight, 0.0, gain / math.sqrt(fan_in))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


class Block(nn.Module):
    """x [n, c, h, w] -> x + conv1x1(act(grouped conv3x3(act(conv1x1(x))))), act LeakyReLU 0.2.

    Paper: Huang et al. 2024, https://arxiv.org/abs/2501.05441, section 3.3. The first weights are
    those of Fixup (Zhang et al. 2019, https://arxiv.org/abs/1901.09321): the last convolution is 0
    and the others shrink with the depth of the net, so that no normalisation is needed.
    """

    def __init__(
        self, width: int, n_blocks: int, n_classes: int = 0, layer: type[nn.Conv2d] = nn.Conv2d
    ) -> None:
        """
        Args:
            n_blocks: of the whole net.
            n_classes: of labels that have biases of their own, or 0.
            layer: the kind of its convolutions.
        """
        super().__init__()
        inner = EXPANSION * width
        self.widen = layer(width, inner, 1)
        self.mix = layer(inner, inner, 3, padding=1, groups=inner // GROUP)
        self.narrow = layer(inner, width, 1, bias=False)
        self.shift = nn.Embedding(n_classes, inner) if n_classes else None
        gain = math.sqrt(2 / (1 + 0.2**2)) * n_blocks**-0.25
        init(self.widen, gain)
        init(self.mix, gain)
        nn.init.zeros_(self.narrow.weight)
        if self.shift is not None:
            nn.init.zeros_(self.shift.weight)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        h = self.widen(x)
        if self.shift is not None:
            assert labels is not None
            h = h + looked_up(self.shift, labels).to(h.dtype)[:, :, None, None]
        h = leaky_relu(self.mix(leaky_relu(h, 0.2, inplace=True)), 0.2, inplace=True)
        return x + self.narrow(h)


class Resample(nn.Module):
    """[n, c, h, w] -> twice or half the size by the kernel [1, 3, 3, 1] / 8, zeros around it.

    Inside, doubling is bilinear. At the edges it is not: a pixel there gets 3/4 of its neighbour,
    in a corner 9/16, since what lies outside counts as 0.
    """

    kernel: Tensor

    def __init__(self, width: int, up: bool) -> None:
        super().__init__()
        self.up = up
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
        # Doubling puts three zeros beside each pixel, which the kernel makes up for.
        plane = torch.outer(taps, taps) * (4 if up else 1)
        kernel = plane.expand(width, 1, 4, 4).contiguous()
        self.register_buffer("kernel", kernel, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        # cuDNN has no fast kernel for convolutions of single channels, nor do CPUs in bf16, where
        # they take 25 times as long (docs/log.md, "R3GAN on two cores", "R3GAN on a GPU").
        if x.is_cuda:
            return shifted(shifted(x.float(), 2, self.up), 3, self.up)
        convolve = conv_transpose2d if self.up else conv2d
        with in_float32(x):
            return convolve(x.float(), self.kernel, stride=2, padding=1, groups=x.shape[1])


def shifted(x: Tensor, axis: int, up: bool) -> Tensor:
    """`Resample` along one axis of [n, c, h, w], as sums of shifted copies."""
    n = x.shape[axis]
    padded = pad(x, (0, 0, 1, 1) if axis == 2 else (1, 1))
    if up:
        before, after = padded.narrow(axis, 0, n), padded.narrow(axis, 2, n)
        pairs = [torch.lerp(x, before, 0.25), torch.lerp(x, after, 0.25)]
        return torch.stack(pairs, axis + 1).flatten(axis, axis + 1)
    taps = [padded[(slice(None),) * axis + (slice(k, k + n - 1, 2),)] for k in range(4)]
    return (taps[0] + taps[3]) / 8 + (taps[1] + taps[2]) * 3 / 8


def _autocasting(h: Tensor, stage: int, n_stages: int) -> contextlib.AbstractContextManager[object]:
    """The autocast of a stage, counted from the coarsest: off where bf16 would round too much."""
    fine = stage >= max(1, n_stages - HALVED)
    return contextlib.nullcontext() if fine else in_float32(h)


def _convolution(width_in: int, width_out: int) -> nn.Conv2d:
    layer = nn.Conv2d(width_in, width_out, 1, bias=False)
    init(layer)
    return layer


def _between(width_in: int, width_out: int) -> nn.Module:
    """What takes one stage's width to the next one's."""
    return nn.Identity() if width_in == width_out else _convolution(width_in, width_out)


class R3ganGenerator(Generator):
    """z -> a learned base x base image, scaled by z -> stages -> 1x1 convolution; no tanh."""

    mixes_labels = True
    bounded = False

    def __init__(self, arch: R3gan, spec: DataSpec) -> None:
        super().__init__()
        self.latent_dim = arch.latent_dim
        base, _ = plan(spec)
        by_block = arch.conditioning == "every-layer"
        way = "embedding" if by_block else arch.conditioning
        self.label = LabelInput(way, spec.n_classes, arch.embedding_dim)
        self.label_inputs = self.label.width
        if self.label.table is not None:
            nn.init.normal_(self.label.table.weight, 0.0, spec.n_classes**-0.5)
        widths = arch.stage_widths(spec)
        n_blocks, classes = BLOCKS * len(widths), spec.n_classes if by_block else 0
        self.basis = nn.Parameter(nn.init.normal_(torch.empty(widths[0], base, base)))
        self.scale = nn.Linear(arch.latent_dim + self.label.width, widths[0], bias=False)
        init(self.scale)
        self.stages = nn.ModuleList(
            nn.ModuleList(Block(width, n_blocks, classes) for _ in range(BLOCKS))
            for width in widths
        )
        self.narrow = nn.ModuleList(_between(a, b) for a, b in pairwise(widths))
        self.upsample = nn.ModuleList(Resample(width, up=True) for width in widths[1:])
        self.head = _convolution(widths[-1], spec.channels)

    def first_layer(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        with in_float32(z):
            scale = self.scale(self.label.beside(z.float(), labels))
            # Convolutions are faster with channels last, on CPUs and tensor cores alike.
            h = self.basis * scale[:, :, None, None]
            return h.contiguous(memory_format=torch.channels_last)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        h = self.first_layer(z, labels)
        for index, blocks in enumerate(self.stages):
            with _autocasting(h, index, len(self.stages)):
                if index:
                    h = self.upsample[index - 1](self.narrow[index - 1](h))
                for block in blocks:  # type: ignore[attr-defined]  # a ModuleList
                    h = block(h, labels)
        # The finest differences between images are below bf16's resolution.
        with in_float32(h):
            return self.head(h.float())


class R3ganDiscriminator(Discriminator):
    """1x1 convolution -> stages -> base x base -> one logit: a product with the label, if any."""

    per_image = True

    def __init__(self, arch: R3gan, spec: DataSpec) -> None:
        super().__init__()
        base, _ = plan(spec)
        self.n_classes = spec.n_classes if arch.conditioning != "none" else 0
        widths = arch.stage_widths(spec)
        n_blocks = BLOCKS * len(widths)
        self.stem = _convolution(spec.channels, widths[-1])
        # Numbered from the coarsest, as in the generator; run the other way.
        self.stages = nn.ModuleList(
            nn.ModuleList(Block(width, n_blocks, layer=TwiceConv2d) for _ in range(BLOCKS))
            for width in widths
        )
        self.downsample = nn.ModuleList(Resample(width, up=False) for width in widths[1:])
        self.widen = nn.ModuleList(_between(b, a) for a, b in pairwise(widths))
        # A convolution of each channel that covers its whole input: one product a sample.
        self.basis = nn.Parameter(nn.init.normal_(torch.empty(widths[0], base, base)) / base)
        self.head = nn.Linear(widths[0], widths[0] if self.n_classes else 1, bias=False)
        init(self.head)
        self.table = nn.Embedding(self.n_classes, widths[0]) if self.n_classes else None
        if self.table is not None:
            nn.init.normal_(self.table.weight, 0.0, (widths[0] * self.n_classes) ** -0.5)

    def hidden_layers(self) -> Sequence[Sequence[nn.Module]]:
        # A layer is a stage, with what brings the features to its size.
        entries = [*zip(self.downsample, self.widen, strict=True), (self.stem,)]
        stages = [blocks for blocks in self.stages if isinstance(blocks, nn.ModuleList)]
        return [(*e, *blocks) for e, blocks in zip(entries, stages, strict=True)][::-1]

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        # The gradient that the penalties are of ends here, so it is float32 throughout.
        with in_float32(images):
            h = self.stem(images.float())
        for index in reversed(range(len(self.stages))):
            with _autocasting(h, index, len(self.stages)):
                for block in self.stages[index]:  # type: ignore[attr-defined]  # a ModuleList
                    h = block(h)
                if index:
                    h = self.widen[index - 1](self.downsample[index - 1](h))
        with in_float32(h):
            judged = self.head((h.float() * self.basis).sum((2, 3)))
            if self.table is None:
                return judged.flatten()
            assert labels is not None
            return (judged * looked_up(self.table, labels)).sum(1)


@register("r3gan")
@dataclass(frozen=True, kw_only=True)
class R3gan(Architecture):
    """Residual nets of grouped convolutions, the same plan for both players, no normalisation.

    Paper: Huang et al. 2024, https://arxiv.org/abs/2501.05441, section 3 and appendix. A label
    enters as there: beside z, and as a vector that the discriminator's features are multiplied
    with. Differs from the paper: `onehot` learns no vector for the generator, `every-layer` also
    gives each of its blocks biases of the class; a base of 4 to 7 px; resampling in float32;
    narrow by default.
    """

    options = ("latent_dim",)

    width: int = 32
    """Channels of the stages up to 32 px, a multiple of 8; the paper has 768. Halved from there on
    at each doubling."""
    latent_dim: int = 64
    """Length of z."""
    conditioning: Conditioning = "none"
    """How labels enter both nets."""
    embedding_dim: int = 64
    """Length of the label's vector beside z."""

    def __post_init__(self) -> None:
        at_least(self, 1, "latent_dim", "embedding_dim", most=MOST_WIDTH)
        at_least(self, 8, "width", most=MOST_WIDTH)
        if self.width % (GROUP // EXPANSION):
            raise InputError(
                f"r3gan: width={self.width} must be a multiple of {GROUP // EXPANSION}, so that "
                f"the convolutions of its blocks have groups of {GROUP} channels."
            )

    def check(self, spec: DataSpec) -> None:
        require_reachable("r3gan", spec)

    def stage_widths(self, spec: DataSpec) -> list[int]:
        """Channels of each stage, from the coarsest to the images' own resolution."""
        base, n = plan(spec)
        step = GROUP // EXPANSION
        found = []
        for side in (base * 2**k for k in range(n + 1)):
            smaller = 2 ** max(0, math.ceil(math.log2(side / FULL_WIDTH_UP_TO)))
            found.append(max(step, self.width // smaller // step * step))
        return found

    def generator(self, spec: DataSpec) -> R3ganGenerator:
        return R3ganGenerator(self, spec)

    def discriminator(self, spec: DataSpec) -> R3ganDiscriminator:
        return R3ganDiscriminator(self, spec)
