"""Convolutions that are as fast when they are differentiated twice as when once.

A penalty on the gradient needs the gradient of a gradient. PyTorch takes that of a convolution's
weights by another convolution, whose kernel is as large as the images; here it is taken by the
routine that the first gradient comes from (docs/log.md, "R3GAN on a GPU").
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d


class _Way(NamedTuple):
    """How a convolution goes over its input."""

    stride: tuple[int, ...]
    padding: tuple[int, ...]
    groups: int

    def gradients(self, out: Tensor, x: Tensor, weight: Tensor, which: tuple[bool, bool]) -> Any:
        """Those of x and of the weight, as far as they are wanted, from the gradient `out`."""
        return torch.ops.aten.convolution_backward(
            out,
            x,
            weight,
            None,
            self.stride,
            self.padding,
            (1, 1),
            False,
            (0, 0),
            self.groups,
            (*which, False),
        )[:2]


# The three below are each other's gradients, so that any of them may be differentiated again. What
# autograd calls `forward` and `backward` gets a context that types cannot describe.


class _Convolve(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, way: _Way) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.way = way
        return conv2d(x, weight, None, way.stride, way.padding, 1, way.groups)

    @staticmethod
    def backward(ctx: Any, out: Tensor) -> Any:  # type: ignore[override]  # a context of any kind
        x, weight = ctx.saved_tensors
        wanted = ctx.needs_input_grad[:2]
        if all(wanted) and not torch.is_grad_enabled():
            return *ctx.way.gradients(out, x, weight, wanted), None
        of_x = _OfInput.apply(out, weight, x, ctx.way) if wanted[0] else None
        of_weight = _OfWeight.apply(out, x, weight, ctx.way) if wanted[1] else None
        return of_x, of_weight, None


class _OfInput(torch.autograd.Function):
    """The gradient of x; x itself is only asked for its shape."""

    @staticmethod
    def forward(ctx: Any, out: Tensor, weight: Tensor, x: Tensor, way: _Way) -> Tensor:
        ctx.save_for_backward(out, weight)
        ctx.way = way
        return way.gradients(out, x, weight, (True, False))[0]

    @staticmethod
    def backward(ctx: Any, of_x: Tensor) -> Any:  # type: ignore[override]  # as above
        out, weight = ctx.saved_tensors
        of_out = _Convolve.apply(of_x, weight, ctx.way) if ctx.needs_input_grad[0] else None
        of_weight = None
        if ctx.needs_input_grad[1]:
            of_weight = _OfWeight.apply(out, of_x, weight, ctx.way)
        return of_out, of_weight, None, None


class _OfWeight(torch.autograd.Function):
    """The gradient of the weight; the weight itself is only asked for its shape."""

    @staticmethod
    def forward(ctx: Any, out: Tensor, x: Tensor, weight: Tensor, way: _Way) -> Tensor:
        ctx.save_for_backward(out, x)
        ctx.way = way
        return way.gradients(out, x, weight, (False, True))[1]

    @staticmethod
    def backward(ctx: Any, of_weight: Tensor) -> Any:  # type: ignore[override]  # as above
        out, x = ctx.saved_tensors
        of_out = _Convolve.apply(x, of_weight, ctx.way) if ctx.needs_input_grad[0] else None
        of_x = _OfInput.apply(out, of_weight, x, ctx.way) if ctx.needs_input_grad[1] else None
        return of_out, of_x, None, None


class TwiceConv2d(nn.Conv2d):
    """nn.Conv2d with the same numbers, for a net whose gradient is differentiated again."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        kind = input.device.type
        # A meta tensor has a shape and no values, and no autocast either.
        if kind != "meta" and torch.is_autocast_enabled(kind):
            dtype = torch.get_autocast_dtype(kind)
            input, weight = input.to(dtype), weight.to(dtype)
        padding = tuple(int(side) for side in self.padding)
        made = _Convolve.apply(input, weight, _Way(self.stride, padding, self.groups))
        assert isinstance(made, Tensor)
        return made if bias is None else made + bias.to(made.dtype)[:, None, None]
