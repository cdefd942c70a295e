"""The vision transformer of DINOv2, its tensors named as in the files on Hugging Face.

Paper: Oquab et al. 2024, https://arxiv.org/abs/2304.07193; the network is that of Dosovitskiy et
al. 2021, https://arxiv.org/abs/2010.11929, with LayerScale (Touvron et al. 2021,
https://arxiv.org/abs/2103.17239) and, in its largest size, SwiGLU (Shazeer 2020,
https://arxiv.org/abs/2002.05202).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PATCH = 14
"""Height and width of a patch in pixels."""
TRAINED_GRID = 37
"""Patches along each side of the images that the position embeddings were last trained on."""
EPS = 1e-6


class Shape(NamedTuple):
    """What the sizes of the network differ in."""

    width: int
    depth: int
    heads: int
    swiglu: bool = False


class Embeddings(nn.Module):
    """The class token and the patches as tokens, each with its position embedding."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.mask_token = nn.Parameter(torch.zeros(1, width))  # for training only
        self.position_embeddings = nn.Parameter(torch.zeros(1, TRAINED_GRID**2 + 1, width))
        projection = nn.Conv2d(3, width, PATCH, PATCH)
        self.patch_embeddings = nn.ModuleDict({"projection": projection})

    def forward(self, x: Tensor) -> Tensor:
        """[n, 3, h, w] -> [n, 1 + h * w / 196, width]."""
        patches = self.patch_embeddings["projection"](x)
        rows, columns = patches.shape[2:]
        tokens = torch.cat([self.cls_token.expand(len(x), -1, -1), as_tokens(patches)], dim=1)
        return tokens + self.positions(rows, columns)

    def positions(self, rows: int, columns: int) -> Tensor:
        """Position embeddings for a grid of another size: [1, 1 + rows * columns, width].

        Interpolated to exactly that size, as Hugging Face does. The authors' own code scales by
        (rows + 0.1) / 37 and crops, which differs slightly.
        """
        table = self.position_embeddings
        if (rows, columns) == (TRAINED_GRID, TRAINED_GRID):
            return table
        grid = table[:, 1:].unflatten(1, (TRAINED_GRID, TRAINED_GRID)).permute(0, 3, 1, 2)
        grid = F.interpolate(grid, (rows, columns), mode="bicubic", align_corners=False)
        return torch.cat([table[:, :1], as_tokens(grid)], dim=1)


def as_tokens(grid: Tensor) -> Tensor:
    """[n, width, h, w] -> [n, h * w, width]."""
    return grid.flatten(2).transpose(1, 2)


class SelfAttention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """[n, tokens, width] -> the same."""
        q, k, v = (self.split(part(x)) for part in (self.query, self.key, self.value))
        # Written out, as fused kernels choose their own precision on some devices.
        weights = (q @ k.transpose(2, 3) * q.shape[3] ** -0.5).softmax(dim=3)
        return (weights @ v).transpose(1, 2).flatten(2)

    def split(self, x: Tensor) -> Tensor:
        """[n, tokens, width] -> [n, heads, tokens, width / heads]."""
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = SelfAttention(width, heads)
        self.output = nn.ModuleDict({"dense": nn.Linear(width, width)})

    def forward(self, x: Tensor) -> Tensor:
        return self.output["dense"](self.attention(x))


class Mlp(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class SwiGlu(nn.Module):
    """Its inner width is two thirds of that of `Mlp`, rounded up to a multiple of 8."""

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = (4 * width * 2 // 3 + 7) // 8 * 8
        self.weights_in = nn.Linear(width, 2 * inner)
        self.weights_out = nn.Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        gate, values = self.weights_in(x).chunk(2, dim=-1)
        return self.weights_out(F.silu(gate) * values)


class LayerScale(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.lambda1 = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.lambda1


class Layer(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(shape.width, eps=EPS)
        self.attention = Attention(shape.width, shape.heads)
        self.layer_scale1 = LayerScale(shape.width)
        self.norm2 = nn.LayerNorm(shape.width, eps=EPS)
        self.mlp = SwiGlu(shape.width) if shape.swiglu else Mlp(shape.width)
        self.layer_scale2 = LayerScale(shape.width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.layer_scale1(self.attention(self.norm1(x)))
        return x + self.layer_scale2(self.mlp(self.norm2(x)))


class DinoNet(nn.Module):
    """float32 [n, 3, h, w], h and w multiples of 14 -> the class token, float32 [n, width]."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.width = shape.width
        self.embeddings = Embeddings(shape.width)
        layers = nn.Sequential(*(Layer(shape) for _ in range(shape.depth)))
        self.encoder = nn.ModuleDict({"layer": layers})
        self.layernorm = nn.LayerNorm(shape.width, eps=EPS)

    def forward(self, x: Tensor) -> Tensor:
        """Images normalised by ImageNet's mean and deviation -> after the last normalisation."""
        return self.layernorm(self.encoder["layer"](self.embeddings(x))[:, 0])
