"""The Inception network of 5 December 2015, whose features nearly every published FID uses.

Paper: Szegedy et al. 2016, https://arxiv.org/abs/1512.00567, section 6; the released graph differs
from it and from torchvision's `inception_v3` in its pools, its 1,008 logits and the missing
auxiliary head. Tensors are named as in the weights published for PyTorch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

IMAGE_SIZE = 299
"""Height and width that the network was trained on."""
N_FEATURES = 2048
N_LOGITS = 1008


class FixedNorm(nn.Module):
    """Batch normalisation by stored statistics; unlike nn.BatchNorm2d it counts no batches."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, eps=0.001
        )


class Conv(nn.Module):
    """Convolution, normalisation, ReLU."""

    def __init__(
        self, inputs: int, outputs: int, kernel: tuple[int, int], stride: int, padded: bool
    ) -> None:
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2) if padded else 0
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = FixedNorm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)


class Step(NamedTuple):
    """One convolution of a path through a mixed block."""

    name: str
    channels: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1


POINT, SQUARE, ROW, COLUMN = (1, 1), (3, 3), (1, 7), (7, 1)
"""Kernels: height and width."""


class Pool(NamedTuple):
    """The pool that begins a path; height and width stay unless its stride is 2."""

    kind: str
    """"average" (over the pixels inside the image only) or "max"."""
    stride: int = 1

    def __call__(self, x: Tensor) -> Tensor:
        if self.kind == "average":
            return F.avg_pool2d(x, 3, self.stride, padding=1, count_include_pad=False)
        return F.max_pool2d(x, 3, self.stride, padding=1 if self.stride == 1 else 0)


Path = list[Step | Pool | list[Step]]
"""Operations in order; an inner list is a fork, whose results are concatenated as channels."""


class Mixed(nn.Module):
    """Paths over one input, their results concatenated as channels."""

    def __init__(self, inputs: int, paths: list[Path]) -> None:
        super().__init__()
        self.paths = paths
        for path in paths:
            width = inputs
            for part in path:
                if isinstance(part, Pool):
                    continue
                steps = part if isinstance(part, list) else [part]
                for step in steps:
                    conv = Conv(width, step.channels, step.kernel, step.stride, step.stride == 1)
                    self.add_module(step.name, conv)
                width = sum(step.channels for step in steps)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.follow(path, x) for path in self.paths], dim=1)

    def follow(self, path: Path, x: Tensor) -> Tensor:
        for part in path:
            if isinstance(part, Pool):
                x = part(x)
            elif isinstance(part, Step):
                x = self.get_submodule(part.name)(x)
            else:
                x = torch.cat([self.get_submodule(step.name)(x) for step in part], dim=1)
        return x


def chain(name: str, channels: Sequence[int], kernels: Sequence[tuple[int, int]]) -> Path:
    """Convolutions named name_1, name_2, ..."""
    steps = zip(channels, kernels, strict=True)
    return [Step(f"{name}_{i}", width, kernel) for i, (width, kernel) in enumerate(steps, 1)]


def mixed_5(inputs: int, pooled: int) -> Mixed:
    """35x35 pixels, 224 + `pooled` channels."""
    double = chain("branch3x3dbl", (64, 96, 96), (POINT, SQUARE, SQUARE))
    single = chain("branch5x5", (48, 64), (POINT, (5, 5)))
    pool: Path = [Pool("average"), Step("branch_pool", pooled)]
    return Mixed(inputs, [[Step("branch1x1", 64)], single, double, pool])


def mixed_6a() -> Mixed:
    """35x35 pixels to 17x17, 768 channels."""
    double = chain("branch3x3dbl", (64, 96), (POINT, SQUARE))
    double.append(Step("branch3x3dbl_3", 96, SQUARE, stride=2))
    return Mixed(288, [[Step("branch3x3", 384, SQUARE, stride=2)], double, [Pool("max", stride=2)]])


def mixed_6(inner: int) -> Mixed:
    """17x17 pixels, 768 channels; `inner` channels between the long, thin kernels."""
    single = chain("branch7x7", (inner, inner, 192), (POINT, ROW, COLUMN))
    double = chain(
        "branch7x7dbl", (inner, inner, inner, inner, 192), (POINT, COLUMN, ROW, COLUMN, ROW)
    )
    pooled: Path = [Pool("average"), Step("branch_pool", 192)]
    return Mixed(768, [[Step("branch1x1", 192)], single, double, pooled])


def mixed_7a() -> Mixed:
    """17x17 pixels to 8x8, 1280 channels."""
    short: Path = [Step("branch3x3_1", 192), Step("branch3x3_2", 320, SQUARE, stride=2)]
    long = chain("branch7x7x3", (192, 192, 192), (POINT, ROW, COLUMN))
    long.append(Step("branch7x7x3_4", 192, SQUARE, stride=2))
    return Mixed(768, [short, long, [Pool("max", stride=2)]])


def mixed_7(inputs: int, pool: str) -> Mixed:
    """8x8 pixels, 2048 channels."""
    forks = [
        [Step(f"{name}a", 384, (1, 3)), Step(f"{name}b", 384, (3, 1))]
        for name in ("branch3x3_2", "branch3x3dbl_3")
    ]
    single: Path = [Step("branch3x3_1", 384), forks[0]]
    double: Path = [*chain("branch3x3dbl", (448, 384), (POINT, SQUARE)), forks[1]]
    pooled: Path = [Pool(pool), Step("branch_pool", 192)]
    return Mixed(inputs, [[Step("branch1x1", 320)], single, double, pooled])


class InceptionNet(nn.Module):
    """float32 [n, 3, 299, 299] -> features of the last pool and logits."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Conv(3, 32, SQUARE, 2, padded=False)
        self.Conv2d_2a_3x3 = Conv(32, 32, SQUARE, 1, padded=False)
        self.Conv2d_2b_3x3 = Conv(32, 64, SQUARE, 1, padded=True)
        self.Conv2d_3b_1x1 = Conv(64, 80, POINT, 1, padded=False)
        self.Conv2d_4a_3x3 = Conv(80, 192, SQUARE, 1, padded=False)
        self.Mixed_5b = mixed_5(192, 32)
        self.Mixed_5c = mixed_5(256, 64)
        self.Mixed_5d = mixed_5(288, 64)
        self.Mixed_6a = mixed_6a()
        self.Mixed_6b = mixed_6(128)
        self.Mixed_6c = mixed_6(160)
        self.Mixed_6d = mixed_6(160)
        self.Mixed_6e = mixed_6(192)
        self.Mixed_7a = mixed_7a()
        self.Mixed_7b = mixed_7(1280, "average")
        self.Mixed_7c = mixed_7(2048, "max")  # max, unlike 7b: so it is in the released graph
        self.fc = nn.Linear(N_FEATURES, N_LOGITS)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised images -> pool3 float32 [n, 2048] and logits without bias [n, 1008]."""
        for name, part in self.named_children():
            if name == "fc":
                break
            x = part(x)
            if name in ("Conv2d_2b_3x3", "Conv2d_4a_3x3"):
                x = F.max_pool2d(x, 3, stride=2)
        pool3 = x.mean(dim=(2, 3))
        return pool3, unbiased_logits(pool3, self.fc.weight)


def unbiased_logits(pool3: Tensor, weight: Tensor) -> Tensor:
    """float32 [n, 2048] and [1008, 2048] -> float32 [n, 1008], without the network's bias.

    The product is taken in float64, which settings of float32 precision (TF32, bfloat16) do not
    affect; MPS has no float64.
    """
    wide = torch.float32 if pool3.device.type == "mps" else torch.float64
    return (pool3.to(wide) @ weight.to(wide).T).float()
