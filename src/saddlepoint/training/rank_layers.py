"""Layers that look across a batch, for batches that several ranks share.

BatchNorm takes its statistics over all ranks (PyTorch's SyncBatchNorm does so on GPUs only), and
dropout draws as one process would. Outside of a training step both are what they were.
"""

from __future__ import annotations

from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm
from torch.nn.modules.batchnorm import _BatchNorm

from saddlepoint.core.ranks import Ranks, sharing


def share(net: nn.Module) -> None:
    """Change the net's layers in place; their names and weights stay."""
    for module in net.modules():
        if isinstance(module, _BatchNorm):
            module.forward = MethodType(_batch_norm, module)
        elif isinstance(module, nn.Dropout | nn.Dropout1d | nn.Dropout2d | nn.Dropout3d):
            module.forward = MethodType(_dropout, module)


def _dropout(layer: nn.Module, x: Tensor) -> Tensor:
    own = type(layer).forward
    ranks = sharing()
    if ranks.size == 1 or not layer.training:
        return own(layer, x)
    # The mask alone: of whole channels it is small.
    shape = x.shape[1:] if isinstance(layer, nn.Dropout) else (x.shape[1], *(1,) * (x.dim() - 2))
    return x * ranks.drawn(lambda n: own(layer, x.new_ones(n, *shape)), len(x))


def _batch_norm(layer: _BatchNorm, x: Tensor) -> Tensor:
    """As BatchNorm, over the items of all ranks.

    Paper: Ioffe & Szegedy 2015, https://arxiv.org/abs/1502.03167, algorithm 1.
    """
    ranks = sharing()
    if ranks.size == 1 or not layer.training:
        return type(layer).forward(layer, x)
    normalised, mean, variance = _Normalised.apply(x, layer.weight, layer.bias, layer.eps, ranks)
    _update_statistics(layer, mean, variance, x.numel() // x.shape[1] * ranks.size)
    return normalised


class _Normalised(torch.autograd.Function):
    """BatchNorm with the statistics of all ranks, by PyTorch's kernel for given statistics: each
    pass over the maps as one operation, where autograd would take ten."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float, ranks: Ranks
    ) -> tuple[Tensor, Tensor, Tensor]:
        # torch.var_mean takes twelve times as long for maps in channels_last.
        mean, variance = torch.ops.aten.batch_norm_update_stats(x.to(_precise(x)), None, None, 0.0)
        mean, variance = _over_ranks(mean, variance, ranks)
        kept = mean.to(_precise(x)), variance.to(_precise(x))
        ctx.save_for_backward(x, weight, bias, *kept)
        ctx.eps, ctx.ranks = eps, ranks
        ctx.mark_non_differentiable(mean, variance)
        return batch_norm(x, *kept, weight, bias, training=False, eps=eps), mean, variance

    @staticmethod
    def backward(ctx: Any, slope: Tensor, *_: Tensor) -> Any:  # type: ignore[override]  # torch's takes any number
        x, weight, bias, mean, variance = ctx.saved_tensors
        if torch.is_grad_enabled():  # under a penalty: it is differentiated again
            wanted = [t for t in (x, weight, bias) if t is not None and t.requires_grad]
            made = _from_operations(x, weight, bias, ctx.eps, ctx.ranks)
            slopes = torch.autograd.grad(made, wanted, slope, create_graph=True)
            found = dict(zip(wanted, slopes, strict=True))
            return found.get(x), found.get(weight), found.get(bias), None, None
        slope_x, slope_weight, slope_bias = torch.ops.aten.native_batch_norm_backward(
            slope, x, weight, mean, variance, None, None, False, ctx.eps, [True, True, True]
        )
        # So far as if the statistics were given; they follow x, which adds a * x + b.
        scale = (variance.double() + ctx.eps).rsqrt()
        gain = scale if weight is None else scale * weight
        n = x.numel() // x.shape[1] * ctx.ranks.size
        sums = ctx.ranks.total(torch.stack([slope_bias, slope_weight]).double()) / n
        a = -gain * scale * sums[1]
        b = -gain * sums[0] - a * mean
        shape = (1, -1) + (1,) * (x.dim() - 2)
        a, b = (part.to(slope_x.dtype).view(shape) for part in (a, b))
        slope_x += torch.addcmul(b, a, x)
        of_layer = (
            None if t is None else s for t, s in ((weight, slope_weight), (bias, slope_bias))
        )
        return slope_x, *of_layer, None, None


def _over_ranks(mean: Tensor, variance: Tensor, ranks: Ranks) -> tuple[Tensor, Tensor]:
    """Mean and variance of each channel over all ranks, float64 [c], from those of each rank."""
    # Squares lose digits where the mean is large: in float64 none that count.
    mean, variance = mean.double(), variance.double()
    mean, square = ranks.total(torch.stack([mean, variance + mean.square()])) / ranks.size
    return mean, square - mean.square()


def _from_operations(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float, ranks: Ranks
) -> Tensor:
    """The same from operations that autograd knows."""
    axes = [0, *range(2, x.dim())]
    variance, mean = torch.var_mean(x.to(_precise(x)), axes, correction=0)
    mean, variance = _over_ranks(mean, variance, ranks)
    gain = (variance + eps).rsqrt()
    gain = gain if weight is None else gain * weight
    offset = -mean * gain if bias is None else bias - mean * gain
    shape = (1, -1) + (1,) * (x.dim() - 2)
    gain, offset = (part.to(_precise(x)).view(shape) for part in (gain, offset))
    return (x * gain + offset).to(x.dtype)


def _precise(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)


@torch.no_grad()
def _update_statistics(layer: _BatchNorm, mean: Tensor, variance: Tensor, n: int) -> None:
    if layer.running_mean is None or layer.running_var is None:
        return
    assert layer.num_batches_tracked is not None
    layer.num_batches_tracked.add_(1)
    share = layer.momentum
    if share is None:
        share = 1 / float(layer.num_batches_tracked)
    layer.running_mean.lerp_(mean.to(layer.running_mean.dtype), share)
    layer.running_var.lerp_((variance * n / (n - 1)).to(layer.running_var.dtype), share)
